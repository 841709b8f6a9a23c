// A real deployment for the proofs that kill and stop its processes: `millrace up` with three coordinators and one more
// worker than the job needs, a libSQL server for metadata and tables, state in a shared directory.

import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { silentLog } from "../../../adapters/local/log_sink.ts";
import { LibsqlServerDatabase } from "../../../adapters/local/libsql_server.ts";
import { decodeCbor } from "../../../src/base/cbor.ts";
import { asJobId, type BranchId, type CheckpointId } from "../../../src/base/ids.ts";
import { decodeManifest, type Manifest } from "../../../src/checkpoint/manifest.ts";
import { latestKey, manifestKey } from "../../../src/checkpoint/paths.ts";
import { SqlMetadataStore } from "../../../src/platform/sql_metadata_store.ts";
import { Deployed } from "../deployed.ts";
import { type Sqld, startSqld } from "../sqld.ts";
import { compareTables, type Compared, LIVE, PRELOAD, type RecoveryJob, recoverySpec } from "./job.ts";
import { OutputWatch } from "./watch.ts";

export interface ClusterShape {
  readonly leaseMs: number;
  readonly silenceMs: number;
  readonly beatMs: number;
  /** Before `up` replaces a process that says nothing. */
  readonly hangMs: number;
  /** Before it replaces one that has ended: there is one to spare, and the machine has other work. */
  readonly replaceAfterMs: number;
}

export interface LogLine {
  readonly "@timestamp": string;
  readonly message: string;
  readonly worker?: string;
  readonly workers?: readonly string[];
  readonly reason?: string;
  readonly why?: string;
  readonly code?: string;
}

const COORDINATORS = 3;
const CHECKPOINTS_AFTER = 8;
const RECOVERY_MS_MAX = 60_000;

export class RecoveryCluster {
  readonly root: string;
  readonly job: RecoveryJob;
  readonly #server: Sqld;
  readonly #up: Deployed;
  readonly #database: LibsqlServerDatabase;
  #jobId = "";
  #watch: OutputWatch | undefined;

  private constructor(root: string, job: RecoveryJob, server: Sqld, up: Deployed, database: LibsqlServerDatabase) {
    this.root = root;
    this.job = job;
    this.#server = server;
    this.#up = up;
    this.#database = database;
  }

  /** Resolves when the job has written its first output. */
  static async start(job: RecoveryJob, shape: ClusterShape): Promise<RecoveryCluster> {
    const { leaseMs, silenceMs, beatMs, hangMs, replaceAfterMs } = shape;
    const root = mkdtempSync(join(tmpdir(), "millrace-recovery-"));
    const server = await startSqld({ directory: join(root, "sqld") });
    const args = ["--store", server.url, "--blobs", pathToFileURL(join(root, "blobs")).href];
    args.push("--coordinators", String(COORDINATORS), "--tasks", String(job.parallelism + 1));
    args.push("--lease-ms", String(leaseMs), "--silence-ms", String(silenceMs), "--beat-ms", String(beatMs));
    args.push("--hang-ms", String(hangMs), "--replace-after-ms", String(replaceAfterMs));
    const up = await Deployed.start(root, args);
    const database = await LibsqlServerDatabase.open({ url: server.url, log: silentLog });
    const cluster = new RecoveryCluster(root, job, server, up, database);
    await cluster.workersThere();
    cluster.#jobId = await up.submit(recoverySpec(job));
    cluster.#watch = new OutputWatch(database, cluster.#jobId);
    await up.until("the first output", async () => cluster.watch.checkpoint > 0);
    return cluster;
  }

  get jobId(): string {
    return this.#jobId;
  }
  get watch(): OutputWatch {
    if (this.#watch === undefined) throw new Error("the job is not submitted yet");
    return this.#watch;
  }
  get processes(): ReadonlyMap<string, number> {
    return this.#up.processes;
  }

  until<T>(what: string, ask: () => Promise<T | undefined | false>): Promise<T> {
    return this.#up.until(what, ask);
  }

  /** Every worker process has joined the leader, so that there is one to spare. */
  async workersThere(): Promise<void> {
    await this.until("all workers", async () => {
      const pids = [...this.processes].filter(([name]) => name.startsWith("worker")).map(([, pid]) => pid);
      const known = pids.map((pid) => this.#up.workerIn(pid));
      const { joined } = await this.#leading();
      return known.length > this.job.parallelism && known.every((one) => one !== undefined && joined.has(one));
    });
  }

  /** The names of the workers that run tasks. */
  async busyWorkers(): Promise<readonly string[]> {
    return await this.until("the place of the tasks", async () => {
      const { placed } = await this.#leading();
      const names = [...this.processes].filter(([, pid]) => placed.includes(this.#up.workerIn(pid) ?? ""));
      return names.length > 0 ? names.map(([name]) => name) : undefined;
    });
  }

  /** What the leader's log says of its workers since it leads. */
  async #leading(): Promise<{ readonly joined: ReadonlySet<string>; readonly placed: readonly string[] }> {
    const joined = new Set<string>();
    let placed: readonly string[] = [];
    for (const { message, worker = "", workers = [] } of this.lines(await this.leader())) {
      if (message === "leads") joined.clear();
      else if (message === "a worker has joined") joined.add(worker);
      else if (message === "a worker is lost") joined.delete(worker);
      else if (message === "tasks are placed") placed = workers;
    }
    return { joined, placed };
  }

  leader(after?: string): Promise<string> {
    return this.#up.leader(after);
  }

  pid(name: string): number {
    return this.processes.get(name) as number;
  }

  /** What the process of this name has logged lately. */
  lines(name: string): LogLine[] {
    const [kind, index] = name.split(" ") as [string, string];
    const own = kind === "coordinator" && index === "1" ? "" : `${kind}-${index}`;
    return tail(join(this.root, "store", own, "millrace.log"))
      .split("\n")
      .flatMap((line) => (line.startsWith("{") && line.endsWith("}") ? [JSON.parse(line) as LogLine] : []));
  }

  /** Sums over the tasks. */
  async #metric(name: string): Promise<number> {
    const text = await this.#up.text("GET", "/metrics");
    const values = text
      .split("\n")
      .filter((line) => line.startsWith(`millrace_${name}{`) && line.includes(this.#jobId));
    return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
  }

  /** What keyed state takes, once all that is preloaded is there. */
  async preloaded(): Promise<number> {
    const rows = this.job.preloadRows;
    await this.until("the preloaded rows", async () => (await this.#metric("numRecordsIn")) > rows);
    const { checkpoint } = this.watch;
    // Parts that overlap are merged by then.
    await this.until("some checkpoints more", async () => this.watch.checkpoint > checkpoint + CHECKPOINTS_AFTER);
    return await this.until("the size of the state", () => this.#metric("stateBytes"));
  }

  /**
   * Sends the signal; resolves with the times after it at which the job was claimed anew, and at which it had committed
   * output that was not there before.
   */
  async strike(
    name: string,
    signal: NodeJS.Signals,
  ): Promise<{ readonly claimedMs: number; readonly outputMs: number }> {
    const again = this.watch.newOutput(this.watch.generation, RECOVERY_MS_MAX);
    const struckMs = performance.now();
    process.kill(this.pid(name), signal);
    const { claimedMs, committedMs } = await again;
    return { claimedMs: claimedMs - struckMs, outputMs: committedMs - struckMs };
  }

  /** Stops the job with a savepoint, and compares what it has written. */
  async finish(): Promise<Compared> {
    await this.until("the end of the job", async () => {
      const path = `/v1/jobs/${this.#jobId}`;
      const { state } = await this.#up.call("GET", path);
      if (state === "FINISHED") return true;
      if (state === "FAILED" || state === "CANCELED") throw new Error(`the job ended as ${state}`);
      // Refused while a stop is under way. One that was under way when its leader was lost is off.
      await this.#up.call("POST", `${path}/stop`, { drain: false });
      return false;
    });
    const manifest = await this.#manifest();
    const count = (uid: string): number[] =>
      manifest.tasks
        .flatMap(({ sources }) => sources.filter((one) => one.uid === uid).flatMap((one) => one.splits))
        .sort((left, right) => (left.id < right.id ? -1 : 1))
        .map(({ position }) => (position as { row: number }).row);
    return await compareTables(this.#database, this.job, { preload: count(PRELOAD), live: count(LIVE) });
  }

  async #manifest(): Promise<Manifest> {
    const metadata = await SqlMetadataStore.open(this.#database);
    const job = asJobId(this.#jobId);
    const latest = await metadata.get(latestKey(job));
    if (latest === undefined) throw new Error("the job has no checkpoint");
    const { branch, checkpoint } = decodeCbor(latest, "latest") as { branch: BranchId; checkpoint: CheckpointId };
    const key = manifestKey(job, branch, checkpoint);
    const bytes = await metadata.get(key);
    if (bytes === undefined) throw new Error("the newest checkpoint has no manifest");
    return decodeManifest(bytes, key);
  }

  async close(keep = false): Promise<void> {
    this.#watch?.stop();
    await this.#up.stop();
    await this.#database.close();
    await this.#server.kill();
    if (!keep) rmSync(this.root, { recursive: true, force: true });
  }
}

const TAIL_BYTES = 64 * 1024;

/** The end of a file. */
function tail(path: string): string {
  if (!existsSync(path)) return "";
  const { size } = statSync(path);
  if (size <= TAIL_BYTES) return readFileSync(path, "utf8");
  const descriptor = openSync(path, "r");
  try {
    const bytes = Buffer.alloc(TAIL_BYTES);
    const read = readSync(descriptor, bytes, 0, TAIL_BYTES, size - TAIL_BYTES);
    return bytes.toString("utf8", 0, read);
  } finally {
    closeSync(descriptor);
  }
}
