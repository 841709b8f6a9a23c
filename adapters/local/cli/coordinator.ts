// millrace coordinator: one coordinator process, until it is stopped.

import { savepointKey } from "../../../src/checkpoint/paths.ts";
import { blobPlace } from "../blobs/blob_place.ts";
import { type CoordinatorProcess, openCoordinator } from "../cluster/coordinator_process.ts";
import { clusterSecret } from "../cluster/secret.ts";
import { startHealth } from "../health.ts";
import { EXIT } from "./exit.ts";
import { type CoordinatorOptions, deploymentOptions, timesOf } from "./options.ts";
import { askedToEnd, say, sayThatItLives } from "./supervised.ts";

export async function coordinator(options: CoordinatorOptions): Promise<number> {
  const asked = askedToEnd();
  const { clusterHost, clusterPort, advertise, leaseMs, host, port } = options;
  const { allowHost: allowedHosts, allowOrigin: allowedOrigins } = options;
  let opened: CoordinatorProcess | undefined;
  let ending = false;
  const health = await startHealthIfWanted(options, async () => {
    if (opened === undefined) return "it is being started";
    return ending ? "it is about to end" : await opened.notReady();
  });
  opened = await openCoordinator({
    ...{ ...deploymentOptions(options), functions: options.functions, times: timesOf(options) },
    ...{ secret: clusterSecret(options.clusterSecret), ttlMs: leaseMs, clusterHost, clusterPort },
    ...(advertise === undefined ? {} : { advertised: advertise }),
    ...(options.rescale === "auto" ? { rescaleAfterMs: options.rescaleAfterMs } : {}),
    rest: { host, port, allowedHosts, allowedOrigins },
    onLead: (epoch) => say({ event: "leads", epoch }),
    onLose: (epoch, reason) => say({ event: "leads_no_more", epoch, reason }),
  });
  sayThatItLives();
  const { url, token } = opened.server;
  const more = health === undefined ? {} : { health: health.port };
  say({ event: "listening", url, token, cluster: opened.address, ...more });
  const how = await asked;
  ending = true;
  const suspends = how === "term" && options.onTerm === "savepoint";
  const status = suspends ? await suspendJobs(opened, options) : EXIT.done;
  await opened.close();
  await health?.close();
  return status;
}

const startHealthIfWanted = async (
  { healthHost: host, healthPort: port }: CoordinatorOptions,
  notReady: () => Promise<string | undefined>,
): Promise<Awaited<ReturnType<typeof startHealth>> | undefined> =>
  port === undefined ? undefined : await startHealth({ host, port, notReady });

/** Says of each job where its savepoint lies, or why it has none; such a job goes on from its last checkpoint. */
async function suspendJobs({ coordinator }: CoordinatorProcess, options: CoordinatorOptions): Promise<number> {
  let status = EXIT.done;
  for (const { jobId: job, name, savepoint, error } of await coordinator.suspendJobs(options.graceMs)) {
    if (error !== undefined) {
      status = EXIT.jobFailed;
      say({ event: "not_suspended", job, name, code: error.code, message: error.message });
    } else if (savepoint !== undefined) {
      say({ event: "suspended", job, name, savepoint, at: blobPlace(options.blobs, savepointKey(savepoint)) });
    }
  }
  return status;
}
