// Two inputs whose rows join where their keys are equal and their times are near enough: by an interval of event time,
// or, the regular join, within a time to live in event time or wall time. Inner joins only.
//
// Invariants:
// - A row with event time is late when it is older than the watermark of its own split, so that what joins depends on
//   the data alone. Late rows go to the side outputs and are counted; they join nothing.
// - Every pair is emitted once: by whichever of the two rows comes later, with that row's weight. The row that waits
//   has weight +1, because a retraction takes the row out that it retracts.
// - A retraction that finds no equal row is counted as late and has no effect: what it takes back had expired.

import type { OperatorUid } from "../base/ids.ts";
import type { BatchRegion } from "../kernel/batch_region.ts";
import { cutoffsOf, type JoinPair, joinedWatermark } from "../state/join_pair.ts";
import type { JoinTiming } from "../state/join_plan.ts";
import { WATERMARK_MAX } from "../time/window.ts";
import { JoinState } from "./join_state.ts";
import type { KeyedState, TimedOperator } from "./keyed_state.ts";
import type { BatchReceiver, OperatorContext, Receiver } from "./operator.ts";

export interface JoinInput {
  readonly region: BatchRegion;
  /** Where late rows go; empty: they are only counted. */
  readonly late: readonly BatchReceiver[];
}

export interface JoinWiring {
  readonly uid: OperatorUid;
  readonly timing: JoinTiming;
  readonly pair: JoinPair;
  readonly left: JoinInput;
  readonly right: JoinInput;
  readonly output: BatchRegion;
  readonly next: readonly Receiver[];
  readonly context: OperatorContext;
  /** Wall time; only asked where rows live by it. */
  readonly nowMs: () => number;
}

const I64_MIN = -(2n ** 63n);

/** An idle input is taken to be where the other one is, unless that has ended: then nobody knows how far time has come. */
function follow(one: JoinState, other: JoinState): void {
  if (!one.isIdle || other.isIdle || other.inputWatermark === WATERMARK_MAX) return;
  if (other.inputWatermark > one.inputWatermark) one.inputWatermark = other.inputWatermark;
}

const hasEnded = (state: JoinState): boolean => state.inputWatermark === WATERMARK_MAX;

export class JoinOperator implements TimedOperator {
  /** Of the left and the right input. */
  readonly receivers: readonly [left: Receiver, right: Receiver];
  readonly tables: readonly [left: KeyedState, right: KeyedState];
  readonly #wiring: JoinWiring;
  readonly #left: JoinState;
  readonly #right: JoinState;
  /** Wall time never goes back, though clocks do. */
  #nowMs = 0;
  #passedOn = I64_MIN;
  /** Of both inputs, as the cutoffs and what was passed on follow from them. */
  #at: readonly [left: bigint, right: bigint] = [I64_MIN, I64_MIN];

  constructor(wiring: JoinWiring) {
    this.#wiring = wiring;
    this.#left = new JoinState(wiring.uid, "left", wiring.pair.left);
    this.#right = new JoinState(wiring.uid, "right", wiring.pair.right);
    this.tables = [this.#left, this.#right];
    this.receivers = [this.#receiver(this.#left, wiring.left), this.#receiver(this.#right, wiring.right)];
  }

  #receiver(state: JoinState, input: JoinInput): Receiver {
    return {
      process: () => {
        state.isIdle = false;
        this.#process(state, input);
      },
      onWatermark: (watermark) => {
        if (watermark > state.inputWatermark) {
          state.isIdle = false;
          state.inputWatermark = watermark;
        }
        this.#passTime();
      },
      onIdle: () => {
        state.isIdle = true;
        this.#passTime();
      },
    };
  }

  #process(state: JoinState, input: JoinInput): void {
    const { pair, context, output, next, timing, nowMs } = this.#wiring;
    if (timing.kind === "wall_time") this.onTime(nowMs());
    const late = state.side.update(input.region, context.epoch(), state.inputWatermark, BigInt(this.#nowMs));
    if (late.length > 0) {
      context.countLate(late.length);
      if (input.late.length > 0) {
        const rows = input.region.copyRows(late);
        for (const receiver of input.late) receiver.write(rows);
      }
    }
    while (pair.probe(state.side, input.region, output) > 0) for (const one of next) one.process();
  }

  get #isIdle(): boolean {
    const [left, right] = [this.#left, this.#right];
    if (!left.isIdle && !right.isIdle) return false;
    return (left.isIdle || hasEnded(left)) && (right.isIdle || hasEnded(right)) && !(hasEnded(left) && hasEnded(right));
  }

  #passTime(): void {
    const { timing, pair, next } = this.#wiring;
    follow(this.#left, this.#right);
    follow(this.#right, this.#left);
    const left = this.#left.inputWatermark;
    const right = this.#right.inputWatermark;
    if (left === this.#at[0] && right === this.#at[1]) return this.#passIdleOn();
    this.#at = [left, right];
    if (timing.kind !== "wall_time") [pair.left.cutoff, pair.right.cutoff] = cutoffsOf(timing, left, right);
    const passedOn = joinedWatermark(timing, left, right);
    if (passedOn > this.#passedOn) {
      this.#passedOn = passedOn;
      for (const one of next) one.onWatermark(passedOn);
    }
    this.#passIdleOn();
  }

  #passIdleOn(): void {
    if (this.#isIdle) for (const one of this.#wiring.next) one.onIdle();
  }

  /** When rows that live by wall time are to be dropped although none comes. */
  get wakeAtMs(): number | undefined {
    const { timing, pair } = this.#wiring;
    if (timing.kind !== "wall_time" || pair.left.rowCount + pair.right.rowCount === 0) return undefined;
    return this.#nowMs + pair.left.config.bucketMs;
  }
  onTime(nowMs: number): void {
    const { timing, pair } = this.#wiring;
    if (timing.kind !== "wall_time") return;
    this.#nowMs = Math.max(this.#nowMs, Math.floor(nowMs));
    const cutoff = BigInt(this.#nowMs - timing.ttlMs);
    pair.left.cutoff = cutoff;
    pair.right.cutoff = cutoff;
  }
}
