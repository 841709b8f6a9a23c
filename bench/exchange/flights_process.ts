// A process that runs the flights job from NDJSON in 8 splits once it is told to, and says how long it took.
// `node bench/exchange/flights_process.ts <parallelism> <input> <directory>`; starts at a line on its standard input.

import { join, resolve } from "node:path";
import process from "node:process";
import { keepCompiled } from "../../adapters/local/compile_cache.ts";
import { openDeployment } from "../../adapters/local/deployment.ts";
import { flightsJob } from "../../examples/flights/job.ts";

keepCompiled(); // as the command line does

export const SPLITS = 8;
const [parallelism = "1", input = "", directory = "."] = process.argv.slice(2);

function spec(): unknown {
  const { operators, ...job } = flightsJob(join(directory, "out"));
  const adapted = operators.map((one) => {
    if (one.kind === "source")
      return { ...one, connector: { kind: "ndjson_file", paths: [resolve(input)], splits: SPLITS } };
    if (one.uid !== "by_hour") return one;
    return { ...one, connector: { kind: "ndjson_files", directory: join(directory, "out", "by_hour") } };
  });
  return { ...job, parallelism: Number(parallelism), operators: adapted };
}

const deployment = await openDeployment({
  directory: join(directory, "store"),
  fileRoots: [directory, resolve(input, "..")],
  logLevel: "error",
  threads: Number(parallelism) > 1 ? Number(parallelism) : 0,
});
console.log("ready");
await new Promise((go) => process.stdin.once("data", go));
const startedMs = performance.now();
const { record } = await deployment.engine.submit(spec());
const view = await deployment.engine.ended(record.jobId);
const seconds = (performance.now() - startedMs) / 1000;
if (view.status !== "FINISHED") throw new Error(`the job is ${view.status}: ${view.error?.message}`);
console.log(JSON.stringify({ seconds, rows: view.progress?.counters.rowsIn, tasks: view.progress?.tasks.length }));
await deployment.close();
process.exit(0);
