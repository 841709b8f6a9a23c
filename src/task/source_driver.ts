// Reads the splits of one source in turn, gives every row the watermark of its own split, and says up to where
// event time has come over all of them.
//
// Invariants:
// - A split's rows, and the watermark each gets, depend on the split's data alone.
// - The merged watermark is the minimum over the splits that have not ended, so no window closes before the
//   rows that belong into it could arrive; it is unbounded once all have ended.

import { assert, present } from "../base/assert.ts";
import { asSplitId } from "../base/ids.ts";
import type { ReadOutcome, RejectedRow, SourceConnector, SourceSplit, SplitReader } from "../connectors/source.ts";
import type { SourceNode } from "../graph/plan.ts";
import type { BatchRegion } from "../kernel/batch_region.ts";
import type { KernelInstance } from "../kernel/instance.ts";
import type { Clock } from "../platform/ports.ts";
import type { SourceSnapshot, SplitSnapshot } from "../protocol/snapshot.ts";
import { attachWatermarks } from "../state/attach_watermarks.ts";
import { WATERMARK_MAX, WATERMARK_MIN } from "../time/window.ts";

interface DrivenSplit {
  readonly split: SourceSplit;
  readonly reader: SplitReader | undefined;
  finished: boolean;
  readonly time: { maxTimestamp: bigint };
  /** Where a finished split ended: there is no reader to ask. */
  endPosition: SplitSnapshot["position"];
  /** When it last had rows. */
  rowsAtMs: number;
}

export type DriveOutcome =
  | { readonly kind: "rows"; readonly rejected: readonly RejectedRow[] }
  | { readonly kind: "idle"; readonly retryAfterMs: number }
  | { readonly kind: "ended" };

export class SourceDriver {
  readonly #node: SourceNode;
  readonly #splits: DrivenSplit[];
  readonly #region: BatchRegion;
  readonly #clock: Clock;
  readonly #boundMs: bigint;
  #turn = 0;
  /** Of the read that is under way: splits that were asked, and when the first of them is to be asked again. */
  #tried = 0;
  #retryAfterMs = 0;

  private constructor(node: SourceNode, region: BatchRegion, splits: DrivenSplit[], clock: Clock) {
    this.#node = node;
    this.#region = region;
    this.#splits = splits;
    this.#clock = clock;
    const boundMs = node.eventTime?.boundMs ?? 0;
    assert(Number.isSafeInteger(boundMs) && boundMs >= 0, "the bound is a whole number of milliseconds");
    this.#boundMs = BigInt(boundMs);
  }

  get node(): SourceNode {
    return this.#node;
  }

  /** @param splits those that are this task's to read; which they are was decided before. */
  static async open(
    node: SourceNode,
    connector: SourceConnector,
    kernel: KernelInstance,
    region: BatchRegion,
    splits: readonly SplitSnapshot[],
    clock: Clock,
  ): Promise<SourceDriver> {
    const driver = new SourceDriver(node, region, [], clock);
    const target = { kernel, schema: node.output, region };
    try {
      for (const one of splits) {
        const split = { id: asSplitId(one.id), detail: one.detail };
        const position = one.position === null ? undefined : one.position;
        const reader = one.finished ? undefined : await connector.open(split, position, target);
        const time = { maxTimestamp: one.timestampMax === null ? WATERMARK_MIN : BigInt(one.timestampMax) };
        const { finished, position: endPosition } = one;
        driver.#splits.push({ split, reader, finished, time, endPosition, rowsAtMs: clock.monotonicMs() });
      }
    } catch (error) {
      // The caller gets no driver to close, and each restart would leave the same files open.
      await driver.close().catch(() => undefined); // what made opening fail is the error to tell
      throw error;
    }
    return driver;
  }

  /** Fills the region from the next split that has rows; a promise only where a split has to be waited for. */
  read(rowsMax: number): DriveOutcome | Promise<DriveOutcome> {
    this.#tried = 0;
    this.#retryAfterMs = Number.POSITIVE_INFINITY;
    return this.#readOn(rowsMax);
  }

  #readOn(rowsMax: number): DriveOutcome | Promise<DriveOutcome> {
    while (this.#tried < this.#splits.length) {
      const driven = this.#splits[(this.#turn + this.#tried++) % this.#splits.length] as DrivenSplit;
      if (driven.finished) continue;
      const outcome = readerOf(driven).read(rowsMax);
      if (outcome instanceof Promise) return outcome.then((one) => this.#taken(driven, one) ?? this.#readOn(rowsMax));
      const taken = this.#taken(driven, outcome);
      if (taken !== undefined) return taken;
    }
    return this.ended ? { kind: "ended" } : { kind: "idle", retryAfterMs: this.#retryAfterMs };
  }

  /** undefined: the next split is to be asked. */
  #taken(driven: DrivenSplit, outcome: ReadOutcome): DriveOutcome | undefined {
    switch (outcome.kind) {
      case "end":
        driven.endPosition = readerOf(driven).position();
        driven.finished = true;
        return undefined;
      case "idle":
        this.#retryAfterMs = Math.min(this.#retryAfterMs, outcome.retryAfterMs);
        return undefined;
      case "rows":
        this.#turn = (this.#turn + this.#tried) % this.#splits.length;
        driven.rowsAtMs = this.#clock.monotonicMs();
        this.#attach(driven);
        return outcome;
    }
  }

  #attach(driven: DrivenSplit): void {
    const time = this.#node.eventTime;
    if (time === undefined || this.#region.rowCount === 0) return;
    attachWatermarks(this.#region, time.column, driven.time, this.#boundMs);
  }

  get ended(): boolean {
    return this.#splits.every((one) => one.finished);
  }

  /** Every split that has not ended has been without rows for as long as the job declares to be idleness. */
  get idle(): boolean {
    if (this.#node.eventTime?.idleTimeoutMs === undefined) return false;
    return !this.ended && this.#splits.every((one) => one.finished || this.#isIdle(one));
  }

  #isIdle(one: DrivenSplit): boolean {
    const timeoutMs = this.#node.eventTime?.idleTimeoutMs;
    return timeoutMs !== undefined && this.#clock.monotonicMs() - one.rowsAtMs >= timeoutMs;
  }

  /** Idle splits hold it back no more, unless all are idle: then it stands still. */
  get watermark(): bigint {
    const time = this.#node.eventTime;
    const allIdle = this.idle;
    let merged = WATERMARK_MAX;
    for (const one of this.#splits) {
      if (one.finished || (!allIdle && this.#isIdle(one))) continue;
      if (time === undefined || one.time.maxTimestamp === WATERMARK_MIN) return WATERMARK_MIN;
      const watermark = one.time.maxTimestamp - this.#boundMs;
      if (watermark < merged) merged = watermark;
    }
    return merged < WATERMARK_MIN ? WATERMARK_MIN : merged;
  }

  snapshot(): SourceSnapshot {
    return { uid: this.#node.uid, splits: this.#splits.map(snapshotOf) };
  }

  /** Share of the input that has been read, where every split can tell. */
  progress(): number | undefined {
    let sum = 0;
    for (const one of this.#splits) {
      const share = one.finished ? 1 : one.reader?.progress();
      if (share === undefined) return undefined;
      sum += share;
    }
    assert(sum >= 0, "progress is not negative");
    return this.#splits.length === 0 ? 1 : sum / this.#splits.length;
  }

  async close(): Promise<void> {
    // Each gets its turn, whatever becomes of the others.
    const closed = await Promise.allSettled(this.#splits.map((one) => one.reader?.close()));
    for (const one of closed) if (one.status === "rejected") throw one.reason;
  }
}

const readerOf = (one: DrivenSplit): SplitReader => present(one.reader, "the reader of an unfinished split");

function snapshotOf(one: DrivenSplit): SplitSnapshot {
  return {
    id: one.split.id,
    detail: one.split.detail,
    position: one.finished ? one.endPosition : readerOf(one).position(),
    finished: one.finished,
    timestampMax: one.time.maxTimestamp === WATERMARK_MIN ? null : String(one.time.maxTimestamp),
  };
}
