// One process of a deployment whose stores are shared, going to be killed:
//   node tests/support/shared_child.ts DIRECTORY STORE_URL BLOBS_URL
// It takes up the job that the stores know, or submits it, and prints `running` and `ended STATUS`.

import process from "node:process";
import { openDeployment } from "../../adapters/local/deployment.ts";
import { sharedJob, sharedSpec } from "./shared_job.ts";

const [directory = "", storeUrl = "", blobsUrl = ""] = process.argv.slice(2);
const deployment = await openDeployment({
  directory,
  fileRoots: [],
  store: { url: storeUrl },
  blobs: { url: blobsUrl },
  task: { batchRows: 64 },
});
const { engine } = deployment;
await engine.recover();
const [known] = engine.list();
const { record } = known ?? (await engine.submit(sharedSpec(sharedJob)));
process.stdout.write("running\n");
const { status } = await engine.ended(record.jobId);
await deployment.close();
process.stdout.write(`ended ${status}\n`);
process.exit(0);
