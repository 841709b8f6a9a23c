// millrace worker: one worker process, until it is stopped.

import { clusterSecret } from "../cluster/secret.ts";
import { openWorker, type WorkerProcess } from "../cluster/worker_process.ts";
import { startHealth } from "../health.ts";
import { EXIT } from "./exit.ts";
import { deploymentOptions, timesOf, type WorkerOptions } from "./options.ts";
import { askedToEnd, say, sayThatItLives } from "./supervised.ts";

export async function worker(options: WorkerOptions): Promise<number> {
  const asked = askedToEnd();
  const { clusterHost, clusterPort, advertise, slots, leader, healthHost: host, healthPort, graceMs } = options;
  let opened: WorkerProcess | undefined;
  const notReady = (): string | undefined =>
    opened?.worker.ready === true ? undefined : "no leader has taken this worker, or it is about to end";
  const health = healthPort === undefined ? undefined : await startHealth({ host, port: healthPort, notReady });
  opened = await openWorker({
    ...{ ...deploymentOptions(options), functions: options.functions, times: timesOf(options) },
    ...{ secret: clusterSecret(options.clusterSecret), slots, clusterHost, clusterPort },
    ...(advertise === undefined ? {} : { advertised: advertise }),
    ...(leader === undefined ? {} : { leader }),
  });
  sayThatItLives();
  say({ event: "working", worker: opened.worker.id, slots, ...(health === undefined ? {} : { health: health.port }) });
  if ((await asked) === "term") say({ event: "leaves", tasks: await opened.worker.leave(graceMs) });
  await opened.close();
  await health?.close();
  return EXIT.done;
}
