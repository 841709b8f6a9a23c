// The data plane: one of the tasks that run a chain. Reads, processes, draws the line at barriers, uploads, commits.
//
// One executor: between two `await`s nothing else of this task runs, and nothing awaits inside a batch.
// Invariants:
// - A barrier falls between two batches: positions, state and staged output of a checkpoint agree, and it is passed
//   on before anything that comes after it.
// - Output reaches a target only by `commit` of a checkpoint whose manifest is durable.

import { asMillraceError, externalError, type MillraceError } from "../base/errors.ts";
import { BATCH_ROWS_MAX } from "../base/limits.ts";
import type { CheckpointId } from "../base/ids.ts";
import { readPart } from "../checkpoint/parts.ts";
import type { ChainPlan } from "../graph/plan.ts";
import { rangeOfSubtask } from "../keygroup/key_group.ts";
import { KernelInstance } from "../kernel/instance.ts";
import { Abort } from "../platform/abort.ts";
import type { Platform } from "../platform/platform.ts";
import { type Deployment, type FromTask, taskKey, type TaskReport, type ToTask } from "../protocol/messages.ts";
import type { TaskCounters } from "../protocol/snapshot.ts";
import { WATERMARK_MAX, WATERMARK_MIN } from "../time/window.ts";
import { buildChain, type Chain } from "./chain.ts";
import { Committer } from "./committer.ts";
import { Compactor, defaultCompaction } from "./compactor.ts";
import { CreditedSender } from "./exchange/credited_sender.ts";
import { type GateEvent, InputGate } from "./exchange/input_gate.ts";
import { Mailbox } from "./mailbox.ts";
import { composeParts, restoreState } from "./restore.ts";
import { Snapshotter } from "./snapshotter.ts";
import { type SourceOutcome, SourceReads } from "./source_reads.ts";
import { TaskClock } from "./task_clock.ts";
import type { TaskOptions, TaskProgress, TaskWiring } from "./task_wiring.ts";

export type { TaskConnectors, TaskOptions, TaskProgress, TaskWiring } from "./task_wiring.ts";

export const defaultTaskOptions: TaskOptions = {
  batchRows: BATCH_ROWS_MAX,
  memoryBudgetBytes: 1024 * 1024 * 1024,
  compaction: defaultCompaction,
};

/** Output of so many bytes asks for a checkpoint; twice as much that is not committed yet stops processing. */
const STAGED_BYTES_SOFT = 16 * 1024 * 1024;
/** How long rows are processed before collected output leaves and other work of the process gets its turn. */
const SLICE_MS = 5;

const NO_DETAIL = {};

type Pause = "no" | "suspended" | "drained";

export class Task {
  readonly #platform: Platform;
  readonly #wiring: TaskWiring;
  readonly #chainPlan: ChainPlan;
  readonly #deployment: Deployment;
  readonly #mailbox = new Mailbox();
  readonly #kernel: KernelInstance;
  readonly #gate: InputGate;
  readonly #senders: CreditedSender[] = [];
  readonly #chain: Chain;
  readonly #committer: Committer;
  readonly #compactor: Compactor;
  readonly #snapshotter: Snapshotter;
  readonly #background = new Set<Promise<void>>();
  readonly #clock: TaskClock;
  #reads: SourceReads | undefined;
  #counters: { -readonly [K in keyof TaskCounters]: TaskCounters[K] };
  #inputEnded = false;
  #paused: Pause = "no";
  #pausedBy: CheckpointId | undefined;
  #stopped = false;
  #wanted = false;
  #sliceStartMs = 0;
  /** Of the edge that brought the last one; a task with sources tells theirs. */
  #watermark = WATERMARK_MIN;
  #rowsTaken = 0;
  readonly #finished: Promise<void>;

  constructor(wiring: TaskWiring) {
    const { platform, plan, deployment, options, connectors } = wiring;
    this.#wiring = wiring;
    this.#platform = platform;
    this.#deployment = deployment;
    this.#chainPlan = plan.chains[deployment.task.chain] as ChainPlan;
    this.#counters = { ...deployment.restore.counters };
    this.#clock = new TaskClock(platform.clock);
    this.#kernel = new KernelInstance(platform.modules.kernels, options.memoryBudgetBytes, options.regionRows);
    const hasSources = this.#chainPlan.nodes.some((one) => one.kind === "source");
    this.#gate = new InputGate(hasSources, () => platform.clock.monotonicMs());
    this.#chain = this.#build();
    const { jobId, branch, generation } = deployment;
    const scope = { jobId, branch, generation };
    this.#committer = new Committer(connectors.sinks, scope, platform.stages);
    this.#compactor = new Compactor((snapshot) => composeParts(wiring, snapshot), options.compaction);
    this.#snapshotter = new Snapshotter({
      platform,
      scope,
      task: deployment.task,
      states: this.#chain.states,
      writers: this.#chain.writers,
      committer: this.#committer,
      compactor: this.#compactor,
    });
    this.#finished = this.#run();
  }

  #build(): Chain {
    const { plan, deployment, connectors, hub, functions, options } = this.#wiring;
    const { generation, task } = deployment;
    const wake = (): void => this.#mailbox.wake();
    for (const edge of plan.edges) {
      if (edge.to.chain !== task.chain) continue;
      const from = plan.chains[edge.from.chain]?.parallelism ?? 0;
      for (let subtask = 0; subtask < from; subtask++) {
        this.#gate.add(edge.id, hub.in({ generation, edge: edge.id, from: subtask, to: task.subtask }), wake);
      }
    }
    const senders = (edge: number): CreditedSender[] => {
      const to = plan.chains[plan.edges[edge]?.to.chain ?? 0]?.parallelism ?? 0;
      const made = Array.from(
        { length: to },
        (_none, subtask) => new CreditedSender(hub.out({ generation, edge, from: task.subtask, to: subtask }), wake),
      );
      this.#senders.push(...made);
      return made;
    };
    return buildChain(plan, this.#chainPlan, {
      kernel: this.#kernel,
      maxParallelism: plan.maxParallelism,
      keyGroups: rangeOfSubtask(plan.maxParallelism, this.#chainPlan.parallelism, task.subtask),
      sinks: connectors.sinks,
      senders,
      clock: this.#platform.clock,
      functions,
      stateBudgetBytes: options.memoryBudgetBytes,
      operator: {
        epoch: () => this.#snapshotter.epoch,
        countLate: (rows) => {
          this.#counters.rowsLate += rows;
        },
      },
      countOut: (rows) => {
        this.#counters.rowsOut += rows;
      },
    });
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
    const watermark = this.#reads?.watermark ?? this.#watermark;
    const known = watermark !== WATERMARK_MIN && watermark !== WATERMARK_MAX;
    const { states, outputs } = this.#chain;
    return {
      counters: { ...this.#counters },
      watermarkMs: known ? Number(watermark) : undefined,
      share: this.#reads?.progress(),
      stateBytes: states.reduce((sum, one) => sum + one.stateBytes, 0),
      stateEntries: states.reduce((sum, one) => sum + one.entryCount, 0),
      rowsScanned: this.#kernel.rowsScanned,
      rowsAggregated: this.#kernel.rowsAggregated,
      rowsTaken: this.#rowsTaken,
      rowsSent: outputs.reduce((sum, one) => sum + one.rowsOut, 0),
      ...this.#clock.shares,
    };
  }

  async #run(): Promise<void> {
    const where = `job ${this.#deployment.jobId}`;
    try {
      await this.#restore();
      this.#report({ kind: "running" });
      this.#sliceStartMs = this.#clock.worked();
      while (!this.#stopped) {
        const waiting = this.#turn();
        if (waiting !== undefined) await waiting;
      }
    } catch (thrown) {
      this.#fail(asMillraceError(thrown, where));
    }
    this.#gate.close();
    for (const one of this.#senders) one.close();
    try {
      await this.#reads?.close();
    } catch (thrown) {
      const { message } = asMillraceError(thrown, where);
      this.#platform.log.write("warning", `closing the source: ${message}`, { job: this.#deployment.jobId });
    }
    this.#report({ kind: "stopped" });
  }

  #report(report: TaskReport): void {
    const { generation, task } = this.#deployment;
    this.#wiring.outbox({ generation, task, ...report } as FromTask);
  }

  #fail(error: MillraceError): void {
    this.#stopped = true;
    this.#report({ kind: "failed", error });
  }

  async #restore(): Promise<void> {
    const { restore, jobId } = this.#deployment;
    const { checkpoint } = restore;
    const platform = this.#platform;
    const startMs = platform.clock.monotonicMs();
    if (checkpoint > 0) platform.log.write("info", `restoring checkpoint ${checkpoint}`, { job: jobId, checkpoint });
    // Of what was published before, and of what is kept: neither touches the other.
    const committing = this.#commitPending().then(() => platform.clock.monotonicMs());
    const outcomes = await Promise.allSettled([committing, this.#restoreStates()]);
    for (const one of outcomes) if (one.status === "rejected") throw one.reason;
    const restoredMs = platform.clock.monotonicMs();
    this.#reads = await SourceReads.open(this.#wiring, this.#chain.sources, this.#kernel);
    if (checkpoint > 0) this.#sayRestored((await committing) - startMs, restoredMs - startMs);
  }

  async #commitPending(): Promise<void> {
    const { restore } = this.#deployment;
    const { blobs, digest } = this.#platform;
    await this.#committer.prepare();
    for (const { sink, checkpoint, index, part } of restore.pending) {
      this.#committer.add({ sink, checkpoint, index, bytes: await readPart(blobs, digest, part), part });
    }
    await this.#committer.commitUpTo(restore.checkpoint);
  }

  async #restoreStates(): Promise<void> {
    for (const state of this.#chain.states) {
      const from = this.#deployment.restore.states.find((one) => one.uid === state.uid && one.state === state.name);
      if (from === undefined) continue;
      await restoreState(this.#platform, state, from);
      this.#snapshotter.restored(state, from);
    }
  }

  #sayRestored(commitMs: number, restoreMs: number): void {
    const { restore, jobId, task } = this.#deployment;
    const parts = restore.states.flatMap(({ from }) => from.flatMap((one) => one.parts));
    this.#platform.log.write("info", `restored checkpoint ${restore.checkpoint}`, {
      ...{ job: jobId, task: taskKey(task), checkpoint: restore.checkpoint },
      ...{ parts: parts.length, bytes: parts.reduce((sum, one) => sum + one.byteLength, 0) },
      ...{ commitMs: Math.round(commitMs), restoreMs: Math.round(restoreMs) },
    });
  }

  /**
   * One round: messages, then what has arrived over edges, then at most one batch of a source. A promise only where
   * there is something to wait for, be it the turn of others.
   */
  #turn(): Promise<void> | undefined {
    for (let message = this.#mailbox.take(); message !== undefined; message = this.#mailbox.take())
      this.#handle(message);
    if (this.#stopped) return undefined;
    const pressed = this.#overStaged() || this.#blocked();
    const event = this.#gate.next(pressed);
    if (event !== undefined) this.#take(event);
    if (pressed) return event === undefined ? this.#wait("backpressured", undefined) : undefined;
    this.#ring();
    const retryAfterMs = this.#read();
    return retryAfterMs instanceof Promise
      ? retryAfterMs.then((afterMs) => this.#endTurn(event !== undefined, afterMs))
      : this.#endTurn(event !== undefined, retryAfterMs);
  }

  #endTurn(tookFrame: boolean, retryAfterMs: number | undefined): Promise<void> | undefined {
    if (this.#stopped) return undefined;
    this.#endIfEnded();
    return tookFrame || retryAfterMs === 0 ? this.#giveWay() : this.#wait("idle", retryAfterMs);
  }

  #take(event: GateEvent): void {
    switch (event.kind) {
      case "rows": {
        const inlet = this.#chain.inlets.get(event.edge);
        if (inlet === undefined) return;
        inlet.region.load({ ...event.frame, schema: inlet.region.schema });
        if (event.frame.watermarks !== undefined) inlet.region.watermarks().set(event.frame.watermarks);
        this.#rowsTaken += event.frame.rowCount;
        inlet.process();
        return event.done();
      }
      case "watermark":
        this.#watermark = event.value;
        return this.#chain.inlets.get(event.edge)?.onWatermark(event.value);
      case "idle":
        return this.#chain.inlets.get(event.edge)?.onIdle();
      case "barrier":
        return this.#onAligned(event);
    }
  }

  /** Returns when to ask again: 0 = at once, undefined = nothing is to be read until something else happens. */
  #read(): number | undefined | Promise<number | undefined> {
    const reads = this.#reads as SourceReads;
    if (reads.ended || this.#paused !== "no" || this.#gate.holdsSources) return undefined;
    this.#platform.stages.enter("reading", NO_DETAIL);
    const outcome = reads.read(this.#wiring.options.batchRows);
    return outcome instanceof Promise ? outcome.then((one) => this.#count(one)) : this.#count(outcome);
  }

  #count(outcome: SourceOutcome): number | undefined {
    if (outcome.kind === "idle") return outcome.retryAfterMs;
    this.#counters.rowsIn += outcome.rowsIn;
    this.#counters.rowsRejected += outcome.rowsRejected;
    return 0;
  }

  #endIfEnded(): void {
    const reads = this.#reads as SourceReads;
    if (this.#inputEnded || !reads.ended || !this.#gate.ended) return;
    this.#inputEnded = true;
    for (const one of this.#chain.outputs) one.end();
    this.#report({ kind: "input_ended" });
  }

  /**
   * Too much output waits for its commit. A checkpoint is asked for where it helps: it turns what is not staged yet
   * into committables, but it does not make a slow target faster.
   */
  #overStaged(): boolean {
    let written = 0;
    for (const writer of this.#chain.writers.values()) written += writer.stagedBytes;
    if (written >= STAGED_BYTES_SOFT && !this.#wanted) {
      this.#wanted = true;
      this.#report({ kind: "checkpoint_wanted" });
    }
    return written + this.#committer.bytes >= 2 * STAGED_BYTES_SOFT;
  }

  #blocked(): boolean {
    for (const one of this.#chain.outputs) if (one.blocked) return true;
    return false;
  }

  /** Lets operators act whose wall time has come. */
  #ring(): void {
    for (const one of this.#chain.timed) {
      const nowMs = this.#platform.clock.nowMs();
      if (one.wakeAtMs !== undefined && one.wakeAtMs <= nowMs) one.onTime(nowMs);
    }
  }

  #giveWay(): Promise<void> | undefined {
    return this.#platform.clock.monotonicMs() - this.#sliceStartMs < SLICE_MS ? undefined : this.#yield();
  }

  async #yield(): Promise<void> {
    for (const one of this.#chain.outputs) one.flush();
    this.#clock.worked();
    await this.#platform.yield.yield();
    this.#sliceStartMs = this.#clock.worked();
  }

  /** Waits for a message, a frame or credit, but no longer than a source or a timer asks for. */
  async #wait(reason: "idle" | "backpressured", retryAfterMs: number | undefined): Promise<void> {
    if (reason === "idle") this.#sayWhatIsIdle();
    for (const one of this.#chain.outputs) one.flush();
    this.#clock.worked();
    let waitMs = retryAfterMs ?? Number.POSITIVE_INFINITY;
    for (const { wakeAtMs } of this.#chain.timed) {
      if (wakeAtMs !== undefined) waitMs = Math.min(waitMs, Math.max(0, wakeAtMs - this.#platform.clock.nowMs()));
    }
    const abort = new Abort();
    const timer = Number.isFinite(waitMs)
      ? this.#platform.timers.sleep(waitMs, abort).then(
          () => this.#mailbox.wake(),
          () => undefined, // aborted: something came first
        )
      : undefined;
    // What came while a source was being read found nobody waiting.
    if (!this.#stopped && !this.#gate.ready(reason === "backpressured")) await this.#mailbox.wait();
    abort.abort("something came first");
    await timer;
    this.#clock.waited(reason);
    this.#sliceStartMs = this.#platform.clock.monotonicMs();
  }

  /** Again, because what an operator has sent at its own time has ended the idleness of what comes after it. */
  #sayWhatIsIdle(): void {
    for (const edge of this.#gate.idleEdges) this.#chain.inlets.get(edge)?.onIdle();
    (this.#reads as SourceReads).sayWhatIsIdle();
  }

  #handle(message: ToTask): void {
    switch (message.kind) {
      case "barrier":
        return this.#gate.trigger(message.checkpoint, message.mode);
      case "commit":
        return this.#onCommit(message.checkpoint);
      case "abandon":
        return this.#onAbandoned(message.checkpoint);
      case "stop":
        this.#stopped = true;
        return;
    }
  }

  #onAligned({ checkpoint, mode, firstAtMs }: Extract<GateEvent, { kind: "barrier" }>): void {
    this.#platform.stages.enter("gathering", { checkpoint });
    this.#wanted = false;
    if (mode !== "checkpoint") {
      this.#paused = mode === "drain" ? "drained" : "suspended";
      this.#pausedBy = checkpoint;
    }
    const reads = this.#reads as SourceReads;
    if (mode === "drain") reads.drain();
    const alignMs = this.#platform.clock.monotonicMs() - firstAtMs;
    const gathered = this.#snapshotter.gather(checkpoint, {
      sources: reads.snapshot(),
      inputEnded: this.#inputEnded,
      counters: { ...this.#counters },
      alignMs,
    });
    for (const one of this.#chain.outputs) one.barrier(checkpoint, mode);
    this.#inBackground(
      this.#snapshotter.upload(gathered).then(
        ({ snapshot, costs }) => this.#report({ kind: "acknowledged", checkpoint, snapshot, costs }),
        (thrown: unknown) => {
          const error = asMillraceError(thrown, `checkpoint ${checkpoint}`);
          this.#report({ kind: "declined", checkpoint, error });
        },
      ),
    );
  }

  #onCommit(checkpoint: CheckpointId): void {
    this.#snapshotter.completed(checkpoint);
    this.#inBackground(
      this.#committer.commitUpTo(checkpoint).then(
        () => {
          this.#report({ kind: "committed", checkpoint });
          this.#mailbox.wake();
        },
        (thrown: unknown) => {
          this.#fail(asMillraceError(thrown, `commit of checkpoint ${checkpoint}`));
          this.#mailbox.wake();
        },
      ),
    );
  }

  #onAbandoned(checkpoint: CheckpointId): void {
    this.#snapshotter.abandoned(checkpoint);
    if (this.#pausedBy !== checkpoint) return;
    if (this.#paused === "drained") {
      const message = "the job was drained for a savepoint that failed; it goes on from its last checkpoint";
      throw externalError("drain_abandoned", `checkpoint ${checkpoint}`, message);
    }
    this.#paused = "no";
    this.#pausedBy = undefined;
  }

  #inBackground(work: Promise<void>): void {
    const watched = work.finally(() => this.#background.delete(watched));
    this.#background.add(watched);
  }
}
