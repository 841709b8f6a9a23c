// A job of two regions with every task in a thread, of which one is killed:
//   node tests/support/region_child.ts DIRECTORY
// Prints what became of the job, of the threads of each region, and of the rows that it committed.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { openDeployment } from "../../adapters/local/deployment.ts";
import { rootPath } from "../../tools/process.ts";

/** What a test reads. */
export interface RegionReport {
  readonly status: string;
  readonly error: string | undefined;
  readonly restarts: number;
  /** Threads that have run the function of the region. */
  readonly threads: Readonly<Record<string, number>>;
  /** Committed, in the order of their text. */
  readonly rows: Readonly<Record<string, readonly string[]>>;
}

const ROWS = 6_000;
const regions = ["steady", "struck"] as const;

const pipeline = (region: string) => [
  {
    uid: `${region}_events`,
    kind: "source",
    connector: { kind: "generator", seed: 7, rows: ROWS, keys: 40, splits: 2, ratePerSecond: 1_500, stepMs: 5 },
    schema: [
      { name: "at", type: "timestamp" },
      { name: "name", type: "utf8", nullable: true },
      { name: "flag", type: "bool" },
      { name: "amount", type: "i64" },
    ],
  },
  {
    uid: region,
    kind: "process",
    input: `${region}_events`,
    keyBy: ["name"],
    function: region,
    columns: [
      { name: "name", type: "utf8", nullable: true },
      { name: "amount", type: "i64" },
    ],
  },
  { uid: `${region}_out`, kind: "sink", input: region, connector: { kind: "ndjson_files", directory: region } },
];

const spec = {
  millrace: 1,
  name: "regions",
  parallelism: 2,
  checkpoint: { intervalMs: 50 },
  restart: { strategy: "fixed_delay", attempts: 3, delayMs: 10 },
  operators: regions.flatMap(pipeline),
};

const linesOf = (file: string): string[] => readFileSync(file, "utf8").trimEnd().split("\n");

async function main(directory: string): Promise<RegionReport> {
  const deployment = await openDeployment({
    directory: join(directory, "store"),
    fileRoots: [directory],
    functions: [join(rootPath, "tests/support/region_functions.ts")],
    logLevel: "warning",
  });
  const { record } = await deployment.engine.submit(spec);
  while ((deployment.engine.job(record.jobId).checkpoints?.completedCount ?? 0) < 2) await setTimeout(5);
  writeFileSync(join(directory, "strike"), "");
  const { status, error, restartsTotal } = await deployment.engine.ended(record.jobId);
  await deployment.close();
  const rowsOf = (region: string): string[] =>
    readdirSync(join(directory, region))
      .filter((one) => one.endsWith(".ndjson"))
      .flatMap((one) => linesOf(join(directory, region, one)))
      .sort();
  return {
    status,
    error: error?.message,
    restarts: restartsTotal,
    threads: Object.fromEntries(regions.map((one) => [one, linesOf(join(directory, `${one}.threads`)).length])),
    rows: Object.fromEntries(regions.map((one) => [one, rowsOf(one)])),
  };
}

const [directory = "."] = process.argv.slice(2);
process.env["MILLRACE_REGION_NOTES"] = directory;
process.stdout.write(`${JSON.stringify(await main(directory))}\n`);
process.exit(0);
