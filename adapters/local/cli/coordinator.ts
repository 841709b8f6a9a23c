// millrace coordinator: one coordinator process, until it is stopped.

import { openCoordinator } from "../cluster/coordinator_process.ts";
import { clusterSecret } from "../cluster/secret.ts";
import { EXIT } from "./exit.ts";
import { type CoordinatorOptions, deploymentOptions } from "./options.ts";
import { firstSignal } from "./signals.ts";
import { beSupervised, say } from "./supervised.ts";

export async function coordinator(options: CoordinatorOptions): Promise<number> {
  const stopped = firstSignal();
  const { clusterHost, clusterPort, advertise, leaseMs, host, port } = options;
  const { allowHost: allowedHosts, allowOrigin: allowedOrigins } = options;
  const opened = await openCoordinator({
    ...{ ...deploymentOptions(options), functions: options.functions },
    ...{ secret: clusterSecret(options.clusterSecret), ttlMs: leaseMs, clusterHost, clusterPort },
    ...(advertise === undefined ? {} : { advertised: advertise }),
    rest: { host, port, allowedHosts, allowedOrigins },
    onLead: (epoch) => say({ event: "leads", epoch }),
    onLose: (epoch, reason) => say({ event: "leads_no_more", epoch, reason }),
  });
  beSupervised();
  const { url, token } = opened.server;
  say({ event: "listening", url, token, cluster: opened.address });
  await stopped;
  await opened.close();
  return EXIT.done;
}
