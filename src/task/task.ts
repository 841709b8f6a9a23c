// The data plane of one job: reads, processes, draws the line at barriers, uploads, commits.
//
// One executor: between two `await`s nothing else of this task runs, and nothing awaits inside a batch.
// Invariants:
// - A barrier falls between two batches: the positions, the state and the staged output of a checkpoint agree.
// - Output reaches a target only by `commit` of a checkpoint whose manifest is durable.

import { asMillraceError, type MillraceError } from "../base/errors.ts";
import { BATCH_ROWS_MAX } from "../base/limits.ts";
import type { OperatorUid } from "../base/ids.ts";
import { readPart } from "../checkpoint/parts.ts";
import type { SinkConnector } from "../connectors/sink.ts";
import type { SourceConnector } from "../connectors/source.ts";
import type { JobPlan, ChainPlan } from "../graph/plan.ts";
import { KernelInstance } from "../kernel/instance.ts";
import { Abort } from "../platform/abort.ts";
import type { Platform } from "../platform/platform.ts";
import type { Deployment, FromTask, ToTask } from "../protocol/messages.ts";
import { type TaskCounters, zeroCounters } from "../protocol/snapshot.ts";
import { WATERMARK_MAX, WATERMARK_MIN } from "../time/window.ts";
import { buildChain, type Chain } from "./chain.ts";
import { Committer } from "./committer.ts";
import { type CompactionLimits, Compactor, defaultCompaction } from "./compactor.ts";
import { Mailbox } from "./mailbox.ts";
import { composeParts, restoreOperator } from "./restore.ts";
import { Snapshotter } from "./snapshotter.ts";
import { SourceDriver } from "./source_driver.ts";

export interface TaskOptions {
  /** Rows a batch; smaller is only for tests of batch independence. */
  readonly batchRows: number;
  readonly memoryBudgetBytes: number;
  readonly compaction: CompactionLimits;
}

export const defaultTaskOptions: TaskOptions = {
  batchRows: BATCH_ROWS_MAX,
  memoryBudgetBytes: 1024 * 1024 * 1024,
  compaction: defaultCompaction,
};

/** Staged output beyond this asks for a checkpoint; twice as much, committed or not, stops reading. */
const STAGED_BYTES_SOFT = 16 * 1024 * 1024;
/** How long rows are processed before other work of the process gets its turn. */
const SLICE_MS = 5;

export interface TaskConnectors {
  readonly source: SourceConnector;
  readonly sinks: ReadonlyMap<OperatorUid, SinkConnector>;
}

/** What an observer may see of a running task at any time. */
export interface TaskProgress {
  readonly counters: TaskCounters;
  /** ms; undefined before the first row and after the end of input. */
  readonly watermarkMs: number | undefined;
  /** 0..1 where the source can tell. */
  readonly share: number | undefined;
  readonly stateBytes: number;
  readonly stateEntries: number;
  /** Rows that the kernels scanned and aggregated since the task was made. */
  readonly rowsScanned: bigint;
  readonly rowsAggregated: bigint;
  readonly busyMs: number;
}

export class Task {
  readonly #platform: Platform;
  readonly #chainPlan: ChainPlan;
  readonly #deployment: Deployment;
  readonly #connectors: TaskConnectors;
  readonly #options: TaskOptions;
  readonly #outbox: (message: FromTask) => void;
  readonly #mailbox = new Mailbox();
  readonly #kernel: KernelInstance;
  readonly #chain: Chain;
  readonly #committer: Committer;
  readonly #compactor: Compactor;
  readonly #snapshotter: Snapshotter;
  readonly #background = new Set<Promise<void>>();
  #driver: SourceDriver | undefined;
  #counters: { -readonly [K in keyof TaskCounters]: TaskCounters[K] };
  #inputEnded = false;
  #stopped = false;
  #wanted = false;
  #sliceStartMs = 0;
  #busyMs = 0;
  readonly #finished: Promise<void>;

  constructor(
    platform: Platform,
    plan: JobPlan,
    connectors: TaskConnectors,
    deployment: Deployment,
    options: TaskOptions,
    outbox: (message: FromTask) => void,
  ) {
    this.#platform = platform;
    this.#chainPlan = plan.chains[0] as ChainPlan;
    this.#connectors = connectors;
    this.#deployment = deployment;
    this.#options = options;
    this.#outbox = outbox;
    this.#counters = { ...(deployment.restore?.snapshot.counters ?? zeroCounters) };
    this.#kernel = new KernelInstance(platform.modules.kernels, options.memoryBudgetBytes);
    this.#chain = buildChain(this.#chainPlan, plan.maxParallelism, this.#kernel, connectors.sinks, {
      epoch: () => this.#snapshotter.epoch,
      countLate: (rows) => {
        this.#counters.rowsLate += rows;
      },
      countOut: (rows) => {
        this.#counters.rowsOut += rows;
      },
    });
    const { jobId, branch, generation } = deployment;
    const scope = { jobId, branch, generation };
    this.#committer = new Committer(connectors.sinks, scope, platform.stages);
    this.#compactor = new Compactor(
      (snapshot) => composeParts(platform, this.#chainPlan, plan.maxParallelism, options.memoryBudgetBytes, snapshot),
      options.compaction,
    );
    this.#snapshotter = new Snapshotter({
      platform,
      scope,
      stateful: this.#chain.stateful,
      writers: this.#chain.writers,
      committer: this.#committer,
      compactor: this.#compactor,
    });
    this.#finished = this.#run();
  }

  deliver(message: ToTask): void {
    if (message.generation === this.#deployment.generation) this.#mailbox.deliver(message);
  }

  /** Stops at the next batch boundary; resolves when nothing of this task is under way any more. */
  async destroy(): Promise<void> {
    this.#stopped = true;
    this.#mailbox.wake();
    await this.#finished;
    await Promise.allSettled([...this.#background, this.#committer.settled(), this.#compactor.settled()]);
  }

  progress(): TaskProgress {
    const watermark = this.#driver?.watermark;
    const known = watermark !== undefined && watermark !== WATERMARK_MIN && watermark !== WATERMARK_MAX;
    const stateful = this.#chain.stateful;
    return {
      counters: { ...this.#counters },
      watermarkMs: known ? Number(watermark) : undefined,
      share: this.#driver?.progress(),
      stateBytes: stateful.reduce((sum, one) => sum + one.stateBytes, 0),
      stateEntries: stateful.reduce((sum, one) => sum + one.entryCount, 0),
      rowsScanned: this.#kernel.rowsScanned,
      rowsAggregated: this.#kernel.rowsAggregated,
      busyMs: this.#busyMs,
    };
  }

  async #run(): Promise<void> {
    const { generation } = this.#deployment;
    try {
      await this.#restore();
      this.#outbox({ kind: "running", generation });
      while (!this.#stopped) await this.#turn();
    } catch (thrown) {
      this.#fail(asMillraceError(thrown, `job ${this.#deployment.jobId}`));
    }
    try {
      await this.#driver?.close();
    } catch (thrown) {
      const error = asMillraceError(thrown, `job ${this.#deployment.jobId}`);
      this.#platform.log.write("warning", `closing the source: ${error.message}`, { job: this.#deployment.jobId });
    }
    this.#outbox({ kind: "stopped", generation });
  }

  #fail(error: MillraceError): void {
    this.#stopped = true;
    this.#outbox({ kind: "failed", generation: this.#deployment.generation, error });
  }

  async #restore(): Promise<void> {
    const { restore, jobId } = this.#deployment;
    const platform = this.#platform;
    await this.#committer.prepare();
    if (restore !== undefined) {
      platform.log.write("info", `restoring checkpoint ${restore.checkpoint}`, {
        job: jobId,
        checkpoint: restore.checkpoint,
      });
      for (const { sink, checkpoint, index, part } of restore.snapshot.pending) {
        const bytes = await readPart(platform.blobs, platform.digest, part);
        this.#committer.add({ sink, checkpoint, index, bytes, part });
      }
      await this.#committer.commitUpTo(restore.checkpoint);
      for (const operator of this.#chain.stateful) {
        const snapshot = restore.snapshot.operators.find((one) => one.uid === operator.uid);
        if (snapshot === undefined) continue;
        await restoreOperator(platform, operator, snapshot);
        operator.completed(0);
        this.#compactor.durable(snapshot, operator.stateBytes);
      }
    }
    const source = this.#chainPlan.source;
    const from = restore?.snapshot.sources.find((one) => one.uid === source.uid);
    const { region } = this.#chain;
    this.#driver = await SourceDriver.open(source, this.#connectors.source, this.#kernel, region, from);
    this.#sliceStartMs = platform.clock.monotonicMs();
  }

  /** One round: messages first, then at most one batch. */
  async #turn(): Promise<void> {
    for (let message = this.#mailbox.take(); message !== undefined; message = this.#mailbox.take())
      this.#handle(message);
    if (this.#stopped) return;
    const driver = this.#driver as SourceDriver;
    if (this.#inputEnded || this.#overStaged()) return await this.#mailbox.wait();
    this.#platform.stages.enter("reading", {});
    const outcome = await driver.read(this.#options.batchRows);
    switch (outcome.kind) {
      case "rows":
        this.#process(driver, outcome.rejected);
        return await this.#giveWay();
      case "idle":
        // A wake-up during the read found nobody waiting.
        return this.#stopped ? undefined : await this.#idle(outcome.retryAfterMs);
      case "ended":
        return this.#endInput();
    }
  }

  #process(driver: SourceDriver, rejected: Parameters<Chain["writeRejected"]>[0]): void {
    const rows = this.#chain.region.rowCount;
    this.#counters.rowsIn += rows + rejected.length;
    this.#counters.rowsRejected += rejected.length;
    if (rows > 0) for (const one of this.#chain.head) one.process();
    this.#chain.writeRejected(rejected);
    const watermark = driver.watermark;
    if (watermark !== WATERMARK_MIN) for (const one of this.#chain.head) one.onWatermark(watermark);
  }

  #endInput(): void {
    for (const one of this.#chain.head) one.onWatermark(WATERMARK_MAX);
    this.#inputEnded = true;
    this.#outbox({ kind: "input_ended", generation: this.#deployment.generation });
  }

  #overStaged(): boolean {
    let bytes = this.#committer.bytes;
    for (const writer of this.#chain.writers.values()) bytes += writer.stagedBytes;
    if (bytes < STAGED_BYTES_SOFT) return false;
    if (!this.#wanted) {
      this.#wanted = true;
      this.#outbox({ kind: "checkpoint_wanted", generation: this.#deployment.generation });
    }
    return bytes >= 2 * STAGED_BYTES_SOFT;
  }

  async #giveWay(): Promise<void> {
    const nowMs = this.#platform.clock.monotonicMs();
    if (nowMs - this.#sliceStartMs < SLICE_MS) return;
    this.#busyMs += nowMs - this.#sliceStartMs;
    await this.#platform.yield.yield();
    this.#sliceStartMs = this.#platform.clock.monotonicMs();
  }

  /** Waits for a message, but no longer than the source asks for. */
  async #idle(retryAfterMs: number): Promise<void> {
    const abort = new Abort();
    const timer = this.#platform.timers.sleep(retryAfterMs, abort).then(
      () => this.#mailbox.wake(),
      () => undefined, // aborted: a message came first
    );
    await this.#mailbox.wait();
    abort.abort("a message came first");
    await timer;
    this.#sliceStartMs = this.#platform.clock.monotonicMs();
  }

  #handle(message: ToTask): void {
    switch (message.kind) {
      case "barrier":
        return this.#onBarrier(message);
      case "commit":
        return this.#onCommit(message);
      case "abandon":
        return this.#snapshotter.abandoned(message.checkpoint);
      case "stop":
        this.#stopped = true;
        return;
    }
  }

  #onBarrier({ checkpoint, generation }: Extract<ToTask, { kind: "barrier" }>): void {
    this.#platform.stages.enter("gathering", { checkpoint });
    this.#wanted = false;
    const source = (this.#driver as SourceDriver).snapshot();
    const gathered = this.#snapshotter.gather(checkpoint, source, this.#inputEnded, { ...this.#counters });
    this.#inBackground(
      this.#snapshotter.upload(gathered).then(
        ({ snapshot, costs }) => this.#outbox({ kind: "acknowledged", generation, checkpoint, snapshot, costs }),
        (thrown: unknown) => {
          const error = asMillraceError(thrown, `checkpoint ${checkpoint}`);
          this.#outbox({ kind: "declined", generation, checkpoint, error });
        },
      ),
    );
  }

  #onCommit({ checkpoint, generation }: Extract<ToTask, { kind: "commit" }>): void {
    this.#snapshotter.completed(checkpoint);
    this.#inBackground(
      this.#committer.commitUpTo(checkpoint).then(
        () => {
          this.#outbox({ kind: "committed", generation, checkpoint });
          this.#mailbox.wake();
        },
        (thrown: unknown) => {
          this.#fail(asMillraceError(thrown, `commit of checkpoint ${checkpoint}`));
          this.#mailbox.wake();
        },
      ),
    );
  }

  #inBackground(work: Promise<void>): void {
    const watched = work.finally(() => this.#background.delete(watched));
    this.#background.add(watched);
  }
}
