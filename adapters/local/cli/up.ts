// millrace up: coordinators and workers as processes of their own, replaced when they die or hang.

import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { userError } from "../../../src/base/errors.ts";
import { readSecret } from "../secrets.ts";
import { Supervised } from "../cluster/supervisor.ts";
import { CLUSTER_SECRET_DEFAULT } from "../cluster/secret.ts";
import { clusterTimes } from "../../../src/cluster/times.ts";
import { EXIT } from "./exit.ts";
import { timesOf, type UpOptions } from "./options.ts";
import { firstSignal } from "./signals.ts";
import { say } from "./supervised.ts";

export async function up(options: UpOptions): Promise<number> {
  const stopped = firstSignal();
  const directory = resolve(options.directory);
  if (options.store === undefined && options.coordinators > 1) throw oneCoordinator();
  clusterTimes(timesOf(options)); // said once here rather than by every process
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const environment = { MILLRACE_CLUSTER_SECRET: secretOf(options, directory) };
  const json = options.json === true;
  const tell = (line: string): void => {
    if (json) say({ event: "note", text: line });
    else process.stdout.write(`${line}\n`);
  };
  const shown = (line: string): boolean => process.stdout.write(`${line}\n`);
  let announced = false;
  let cluster: string | undefined;
  let ready = (): void => undefined;
  const listening = new Promise<void>((found) => {
    ready = found;
  });
  const made = (name: string, args: () => readonly string[]): Supervised => {
    const onEvent = (event: Readonly<Record<string, unknown>>): void => {
      if (event["event"] === "suspended") tell(suspendedLine(event));
      if (event["event"] !== "listening") return tell(`${name}: ${JSON.stringify(event)}`);
      cluster ??= String(event["cluster"]);
      if (!announced) announce(event, json);
      announced = true;
      ready();
    };
    const { hangMs, replaceAfterMs: pauseMs } = options;
    return new Supervised({ name, args, environment, hangMs, pauseMs, onEvent, onLine: shown, tell });
  };
  const coordinators: Supervised[] = [];
  const workers: Supervised[] = [];
  const start = (group: Supervised[], name: string, args: () => readonly string[]): void => {
    const one = made(name, args);
    group.push(one);
    one.start();
  };
  for (let index = 0; index < options.coordinators; index++) {
    start(coordinators, `coordinator ${index + 1}`, () => coordinatorArgs(options, directory, index, cluster));
  }
  await Promise.race([listening, stopped]);
  for (let index = 0; index < options.tasks; index++) {
    start(workers, `worker ${index + 1}`, () => workerArgs(options, directory, index, cluster ?? ""));
  }
  const ending = (await stopped) === "SIGTERM" ? "term" : "stop";
  for (const one of [...coordinators, ...workers]) one.expectEnd();
  // Coordinators first: they need the workers for savepoints, and workers without a leader have nothing to hand over.
  const statuses = await stopAll(coordinators, ending, options.graceMs);
  await stopAll(workers, ending, options.graceMs);
  tell("stopped; unfinished jobs go on at the next start");
  return statuses.find((status) => status !== undefined && status !== EXIT.done) ?? EXIT.done;
}

/** Beyond its own grace, before a process is killed. */
const STOP_MS = 15_000;

const stopAll = (
  all: readonly Supervised[],
  ending: "term" | "stop",
  graceMs: number,
): Promise<(number | undefined)[]> => Promise.all(all.map((one) => one.stop(ending, graceMs + STOP_MS)));

const suspendedLine = ({ name, savepoint, at }: Readonly<Record<string, unknown>>): string =>
  `job ${String(name)} is suspended, and goes on at the next start; savepoint ${String(savepoint)} is in ${String(at)}`;

function announce(event: Readonly<Record<string, unknown>>, json: boolean): void {
  const { url, token } = event;
  if (json) say({ event: "listening", url, token });
  else process.stdout.write(`  REST   ${String(url)}\n  token  ${String(token)}\n`);
}

/** The one given, or one that is made at the first start and kept beside the store. */
function secretOf(options: UpOptions, directory: string): string {
  if (options.clusterSecret !== undefined) return readSecret(options.clusterSecret);
  const given = process.env[CLUSTER_SECRET_DEFAULT.slice("env:".length)];
  if (given !== undefined && given !== "") return given;
  const path = join(directory, "cluster-secret");
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ENOENT") throw error;
  }
  const secret = randomBytes(32).toString("hex");
  writeFileSync(path, `${secret}\n`, { mode: 0o600 });
  return secret;
}

function commonArgs(options: UpOptions, directory: string): string[] {
  const args = ["--directory", directory, "--log-level", options.logLevel, "--grace-ms", String(options.graceMs)];
  if (options.store !== undefined) args.push("--store", options.store);
  if (options.storeToken !== undefined) args.push("--store-token", options.storeToken);
  if (options.blobs !== undefined) args.push("--blobs", options.blobs);
  if (options.blobsKey !== undefined) args.push("--blobs-key", options.blobsKey);
  if (options.blobsSecret !== undefined) args.push("--blobs-secret", options.blobsSecret);
  for (const root of options.root) args.push("--root", root);
  for (const file of options.functions) args.push("--functions", resolve(file));
  if (options.logTerminal === true) args.push("--log-terminal");
  if (options.batchRows !== undefined) args.push("--batch-rows", String(options.batchRows));
  if (options.beatMs !== undefined) args.push("--beat-ms", String(options.beatMs));
  if (options.silenceMs !== undefined) args.push("--silence-ms", String(options.silenceMs));
  if (options.settleMs !== undefined) args.push("--settle-ms", String(options.settleMs));
  return args;
}

/** The first coordinator keeps its addresses over a restart; the others take any. */
function coordinatorArgs(options: UpOptions, directory: string, index: number, cluster: string | undefined): string[] {
  const own = index === 0 ? directory : join(directory, `coordinator-${index + 1}`);
  const port = index === 0 ? options.port : 0;
  const clusterPort = index === 0 && cluster !== undefined ? new URL(cluster).port : "0";
  const args = ["coordinator", ...commonArgs(options, own), "--lease-ms", String(options.leaseMs)];
  args.push("--on-term", options.onTerm, "--rescale", options.rescale);
  args.push("--rescale-after-ms", String(options.rescaleAfterMs));
  args.push("--host", options.host, "--port", String(port), "--cluster-port", clusterPort);
  args.push(...savepointArgs(options));
  for (const name of options.allowHost) args.push("--allow-host", name);
  for (const origin of options.allowOrigin) args.push("--allow-origin", origin);
  return args;
}

function savepointArgs({ archive, archiveKey, archiveSecret, savepointsRetained }: UpOptions): string[] {
  const args: string[] = [];
  if (archive !== undefined) args.push("--archive", archive);
  if (archiveKey !== undefined) args.push("--archive-key", archiveKey);
  if (archiveSecret !== undefined) args.push("--archive-secret", archiveSecret);
  if (savepointsRetained !== undefined) args.push("--savepoints-retained", String(savepointsRetained));
  return args;
}

function workerArgs(options: UpOptions, directory: string, index: number, cluster: string): string[] {
  const args = ["worker", ...commonArgs(options, join(directory, `worker-${index + 1}`))];
  return options.store === undefined ? [...args, "--leader", cluster] : args;
}

const oneCoordinator = (): Error =>
  userError(
    "store_not_shared",
    "--coordinators",
    "a store in a directory belongs to one coordinator; more than one need a libSQL server (--store)",
  );
