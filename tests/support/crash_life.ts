// The life of one job under `kill -9`: started, killed, restarted, until its end; then everything it has committed is
// compared with the oracle. Files are also compared after each kill: what is visible must be right at any time.

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { createClient, type Value } from "@libsql/client/sqlite3";
import { type Prng, seededPrng } from "../../src/base/prng.ts";
import { type CrashOrder, stageLetters } from "./crash_order.ts";
import { type CrashJob, crashSpec, prepareInput } from "./crash_job.ts";
import { type Difference, differenceOf, type Expected } from "./crash_oracle.ts";

/** `random`: the parent kills at some time, whatever the child does. */
interface PlannedKill {
  readonly stage: string;
  readonly occurrence: number;
  /** How it is killed: by itself at the entry of the stage, or by its parent so many ms after it. */
  readonly byItself: boolean;
  readonly afterMs: number;
}

export interface LifeOptions {
  readonly directory: string;
  readonly job: CrashJob;
  /** The life goes on to its end undisturbed after so many. */
  readonly kills: number;
  /** Kills of earlier lives, by the stage that they struck in. */
  readonly struckBefore: Readonly<Record<string, number>>;
  readonly batchRows: number;
  readonly readMs: number;
}

export interface LifeResult {
  readonly kills: number;
  /** By the stage that the engine was in when the kill struck. */
  readonly struckIn: Readonly<Record<string, number>>;
  readonly windowRows: number;
  readonly lateRows: number;
  readonly rejectedRows: number;
  readonly lost: number;
  readonly wrong: number;
  /** Whatever else is not as it should be: the end of the job, errors in the log, a damaged store. */
  readonly faults: readonly string[];
}

/** Longer than any life without a kill takes. */
const INCARNATION_LIMIT_MS = 120_000;

export async function liveUnderKills(options: LifeOptions): Promise<LifeResult> {
  const { directory, job, kills } = options;
  mkdirSync(directory, { recursive: true });
  const expected = prepareInput(job, directory);
  const prng = seededPrng(job.seed);
  const struck: Record<string, number> = { ...options.struckBefore };
  const struckIn: Record<string, number> = {};
  const faults: string[] = [];
  let wrong = 0;
  let count = 0;
  for (;;) {
    const end = await runOnce(options, count < kills ? planKill(prng, struck) : undefined);
    if (end.kind === "ended") {
      if (end.text !== "ended FINISHED") faults.push(`the job did not finish: ${end.text}`);
      break;
    }
    count++;
    for (const counts of [struck, struckIn]) counts[end.stage] = (counts[end.stage] ?? 0) + 1;
    const seen = compareFiles(directory, expected);
    wrong += seen.wrong;
    if (seen.wrong > 0) faults.push(`after a kill in ${end.stage}:`, ...seen.examples);
  }
  const files = compareFiles(directory, expected);
  const tables = await compareTables(directory, expected);
  const lost = files.lost + tables.lost;
  wrong += files.wrong + tables.wrong;
  faults.push(...files.examples, ...tables.examples, ...errorsLogged(directory));
  return {
    kills: count,
    struckIn,
    windowRows: expected.windows.length,
    lateRows: expected.late.length,
    rejectedRows: expected.rejected.length,
    lost,
    wrong,
    faults: faults.slice(0, 20),
  };
}

type End = { readonly kind: "ended"; readonly text: string } | { readonly kind: "killed"; readonly stage: string };

/** One incarnation, from its start to its death or to the job's end. */
function runOnce(options: LifeOptions, kill: PlannedKill | undefined): Promise<End> {
  const { directory, job, batchRows, readMs } = options;
  const target = kill === undefined || kill.stage === "random" ? null : kill;
  const order: CrashOrder = { directory, spec: crashSpec(job), batchRows, readMs, target };
  const program = fileURLToPath(new URL("./crash_child.ts", import.meta.url));
  const child = spawn(process.execPath, [program, JSON.stringify(order)], { stdio: ["ignore", "pipe", "pipe"] });
  const killAfter = (ms: number): void => void setTimeout(() => child.kill("SIGKILL"), ms);
  let text = "";
  let stuck = false;
  const limit = setTimeout(() => {
    stuck = true;
    child.kill("SIGKILL");
  }, INCARNATION_LIMIT_MS);
  if (kill?.stage === "random") killAfter(kill.afterMs);
  child.stdout.on("data", (chunk: Buffer) => {
    text += chunk.toString();
    if (text.includes("kill\n")) killAfter(kill?.afterMs ?? 0);
  });
  child.stderr.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  return new Promise((resolve) => {
    child.once("close", (_code, signal) => {
      clearTimeout(limit);
      if (signal === "SIGKILL" && !stuck) resolve({ kind: "killed", stage: stageOf(directory) });
      else
        resolve({ kind: "ended", text: stuck ? "it did nothing for too long" : text.replaceAll("kill\n", "").trim() });
    });
  });
}

function stageOf(directory: string): string {
  const path = join(directory, "stage");
  const letter = existsSync(path) ? readFileSync(path, "latin1") : "";
  return Object.keys(stageLetters).find((stage) => stageLetters[stage] === letter) ?? "starting";
}

/** Lines of all visible files of a directory; what is being written is hidden. */
function linesIn(directory: string): Record<string, unknown>[] {
  if (!existsSync(directory)) return [];
  const names = readdirSync(directory).filter((name) => !name.startsWith("."));
  return names.flatMap((name) =>
    readFileSync(join(directory, name), "utf8")
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>),
  );
}

function compareFiles(directory: string, expected: Expected): Difference {
  const windows = linesIn(join(directory, "windows")).map((row) => {
    const start = Date.parse(String(row["window_start"]));
    const end = Date.parse(String(row["window_end"]));
    const { customer, events, units, least, most, mean } = row;
    return JSON.stringify([start, end, customer, events, units, least, most, mean]);
  });
  const rejected = linesIn(join(directory, "rejected")).map(({ source, position, reason, raw }) =>
    JSON.stringify([source, position, reason, raw]),
  );
  return sumOf([
    differenceOf("window files", expected.windows, windows),
    differenceOf("rejected files", expected.rejected, rejected),
  ]);
}

async function compareTables(directory: string, expected: Expected): Promise<Difference> {
  const client = createClient({ url: `file:${join(directory, "store", "store.db")}` });
  const read = async (sql: string): Promise<string[]> =>
    (await client.execute(sql)).rows.map((row) => JSON.stringify(Array.from(row as unknown as ArrayLike<Value>)));
  try {
    const windows = "SELECT window_start, window_end, customer, events, units, least, most, mean FROM windows";
    const whole = await read("PRAGMA integrity_check");
    return sumOf([
      differenceOf("table windows", expected.windows, await read(windows)),
      differenceOf("table late", expected.late, await read("SELECT customer, at, units, price FROM late")),
      differenceOf("the store", ['["ok"]'], whole),
    ]);
  } finally {
    client.close();
  }
}

const sumOf = (differences: readonly Difference[]): Difference => ({
  lost: differences.reduce((sum, one) => sum + one.lost, 0),
  wrong: differences.reduce((sum, one) => sum + one.wrong, 0),
  examples: differences.flatMap((one) => one.examples),
});

/** A kill is no error: an incarnation that logs one has met something that the next would not have healed. */
function errorsLogged(directory: string): string[] {
  const path = join(directory, "store", "millrace.log");
  if (!existsSync(path)) return ["there is no log"];
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => /"level":"(ERROR|WARN|WARNING|FATAL)"/i.test(line));
}

/** The last occurrence that is waited for: uploads and commits come several times a checkpoint, reads all the time. */
const OCCURRENCES = { reading: 200, gathering: 6, uploading: 12, publishing: 6, committing: 12 } as const;
type Stage = keyof typeof OCCURRENCES;
/** The stages that kills are aimed at. */
export const STAGES = Object.keys(OCCURRENCES) as readonly Stage[];

/** Aims at the stage that was struck least so far; every sixth kill comes at a random time. */
function planKill(prng: Prng, struckIn: Readonly<Record<string, number>>): PlannedKill {
  if (prng.below(6) === 0) return { stage: "random", occurrence: 1, byItself: false, afterMs: prng.below(2000) };
  const counts = STAGES.map((stage) => struckIn[stage] ?? 0);
  const stage = prng.pick(STAGES.filter((_one, index) => counts[index] === Math.min(...counts)));
  const occurrence = 1 + prng.below(OCCURRENCES[stage]);
  return { stage, occurrence, byItself: prng.chance(0.5), afterMs: prng.below(4) };
}
