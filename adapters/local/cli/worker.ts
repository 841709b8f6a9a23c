// millrace worker: one worker process, until it is stopped.

import { clusterSecret } from "../cluster/secret.ts";
import { openWorker } from "../cluster/worker_process.ts";
import { EXIT } from "./exit.ts";
import { deploymentOptions, type WorkerOptions } from "./options.ts";
import { firstSignal } from "./signals.ts";
import { beSupervised, say } from "./supervised.ts";

export async function worker(options: WorkerOptions): Promise<number> {
  const stopped = firstSignal();
  const { clusterHost, clusterPort, advertise, slots, leader } = options;
  const opened = await openWorker({
    ...{ ...deploymentOptions(options), functions: options.functions },
    ...{ secret: clusterSecret(options.clusterSecret), slots, clusterHost, clusterPort },
    ...(advertise === undefined ? {} : { advertised: advertise }),
    ...(leader === undefined ? {} : { leader }),
  });
  beSupervised();
  say({ event: "working", worker: opened.worker.id, slots });
  await stopped;
  await opened.close();
  return EXIT.done;
}
