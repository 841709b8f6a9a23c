// A job of two regions with every task in a thread, of which one is killed:
//   node tests/support/region_child.ts DIRECTORY
// Prints what became of the job, of the threads of each region, and of the rows that it committed.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { openDeployment } from "../../adapters/local/deployment.ts";
import { isTerminal } from "../../src/coordinator/job_state.ts";
import type { JobView } from "../../src/engine/engine.ts";
import { rootPath } from "../../tools/process.ts";
import { createLog, texts } from "./logs.ts";
import { DEADLY } from "./region_functions.ts";

/** What a test reads. */
export interface RegionReport {
  readonly status: string;
  readonly error: string | undefined;
  readonly restarts: number;
  /** Threads that have run the function of the region. */
  readonly threads: Readonly<Record<string, number>>;
  /** Committed: how many, and a digest of them in the order of their text. */
  readonly rows: Readonly<Record<string, { readonly count: number; readonly digest: string }>>;
}

const regions = ["steady", "struck"] as const;
const ROW_SCHEMA = [
  { name: "name", type: "utf8" },
  { name: "amount", type: "i64" },
];

const pipeline = (region: string) => [
  { uid: `${region}_rows`, kind: "source", connector: { kind: "log", name: region }, schema: ROW_SCHEMA },
  {
    uid: region,
    kind: "process",
    input: `${region}_rows`,
    keyBy: ["name"],
    function: region,
    columns: ROW_SCHEMA,
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

const rowsIn = ({ progress }: JobView): number => progress?.counters.rowsIn ?? 0;
const recordOf = (amount: number): string => JSON.stringify({ name: `key-${amount % 40}`, amount });
const linesOf = (file: string): string[] => readFileSync(file, "utf8").trimEnd().split("\n");

async function main(directory: string): Promise<RegionReport> {
  const deployment = await openDeployment({
    directory: join(directory, "store"),
    fileRoots: [directory],
    functions: [join(rootPath, "tests/support/region_functions.ts")],
    logLevel: "warning",
  });
  const { engine } = deployment;
  const logs = await Promise.all(regions.map((one) => createLog(deployment.logs, one)));
  const { record } = await engine.submit(spec);
  const until = async (reached: (job: JobView) => boolean): Promise<void> => {
    for (let job = engine.job(record.jobId); !reached(job) && !isTerminal(job.status); job = engine.job(record.jobId)) {
      await setTimeout(5);
    }
  };
  const append = async (first: number, close: boolean): Promise<void> => {
    const records = Array.from({ length: DEADLY }, (_none, index) => recordOf(first + index));
    for (const log of logs) await log.submit({ records: texts(...records), close });
  };
  await append(0, false);
  await until((job) => (job.checkpoints?.completedCount ?? 0) >= 1 && rowsIn(job) === 2 * DEADLY);
  await append(DEADLY, false);
  await until((job) => job.restartsTotal > 0 && job.status === "RUNNING");
  await append(2 * DEADLY, true);
  const { status, error, restartsTotal } = await engine.ended(record.jobId);
  await deployment.close();
  const rowsOf = (region: string) => {
    const files = readdirSync(join(directory, region)).filter((one) => one.endsWith(".ndjson"));
    const lines = files.flatMap((one) => linesOf(join(directory, region, one))).sort();
    return { count: lines.length, digest: createHash("sha256").update(lines.join("\n")).digest("hex") };
  };
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
