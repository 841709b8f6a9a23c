// `node … <parallelism> <batch rows> <killed> <seed> [name]`: every golden job in this way; prints one line of JSON a job.

import { readFileSync } from "node:fs";
import process from "node:process";
import { goldenJobs } from "../../golden/all_jobs.ts";
import { runGolden } from "../../golden/run_golden.ts";
import { openLocalContext } from "../../support/local_context.ts";

const [parallelism = "1", batchRows = "4096", killed = "false", seed = "1", only = ""] = process.argv.slice(2);
const kernels = new WebAssembly.Module(readFileSync(new URL("../../../build/kernels.wasm", import.meta.url)));

for (const job of goldenJobs.filter((one) => one.name.includes(only))) {
  const { context, close } = await openLocalContext(kernels, "node");
  const run = {
    parallelism: Number(parallelism),
    batchRows: Number(batchRows),
    killed: killed === "true",
    seed: Number(seed),
  };
  let differences = 0;
  let error = "";
  try {
    const found = await runGolden(await context.freshPlatform(), job, run);
    for (const [uid, wanted] of Object.entries(job.expected)) {
      const rows = found[uid] ?? [];
      for (let at = 0; at < Math.max(rows.length, wanted.length); at++) if (rows[at] !== wanted[at]) differences++;
    }
  } catch (thrown) {
    error = String(thrown).slice(0, 500);
  }
  await close();
  const rows = Object.values(job.expected).reduce((sum, one) => sum + one.length, 0);
  console.log(JSON.stringify({ job: job.name, rows, differences, error }));
}
process.exit(0);
