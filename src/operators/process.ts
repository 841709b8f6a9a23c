// Runs a process function: calls it for rows and timers, keeps its state and timers, writes what it writes.
//
//   rows ─► arrival: called at once │ event_time: wait in state until the watermark has passed them ─► outputs
//   watermark ─► timers that are due, in the order of time, key group, key ─► dead state is dropped ─► passed on
//
// Invariants:
// - All timers that are due have been called before a watermark is passed on, and what they wrote has been too.
// - Time to live and lateness go by a row's own event time and the watermark of its own split, never by the watermark
//   that the operator has seen. In event-time order the same holds for the order of calls, so what the function writes
//   depends on the data alone.
// - A timer of time t is called before rows of time t, and after all rows before t but late ones.

import { assert, present } from "../base/assert.ts";
import { externalError, userError } from "../base/errors.ts";
import type { OperatorUid } from "../base/ids.ts";
import type { PlainData } from "../base/plain.ts";
import type { DataType, Schema } from "../batch/schema.ts";
import type { ProcessFunction } from "../job/define_process.ts";
import type { BatchRegion } from "../kernel/batch_region.ts";
import type { KeyGroupRange } from "../keygroup/key_group.ts";
import type { KeyRecord, ProcessCall, TimerEntry } from "../state/process_records.ts";
import type { StateDeclaration } from "../state/process_states.ts";
import { MinimumWatermark } from "../time/minimum_watermark.ts";
import { WATERMARK_MAX, WATERMARK_MIN } from "../time/window.ts";
import type { KeyedState, TimedOperator } from "./keyed_state.ts";
import { type OperatorContext, passOnTime, type Receiver } from "./operator.ts";
import { FunctionCaller } from "./process_caller.ts";
import { CallContext, type CallFacts } from "./process_context.ts";
import { ProcessOutputs, type ProcessSide } from "./process_outputs.ts";
import { type ProcessInput, RowReader } from "./process_rows.ts";
import { handlesOf } from "./process_state_handles.ts";
import { processTables, type ProcessTables } from "./process_tables.ts";

export interface ProcessWiring {
  readonly uid: OperatorUid;
  readonly function: ProcessFunction;
  readonly params: PlainData;
  readonly states: readonly StateDeclaration[];
  /** One or two, as many as the function has. */
  readonly inputs: readonly ProcessInput[];
  /** Has the columns of the function's output that somebody reads. */
  readonly output: BatchRegion;
  readonly next: readonly Receiver[];
  /** By name; a side output that is not among them has no reader. */
  readonly sides: ReadonlyMap<string, ProcessSide>;
  readonly maxParallelism: number;
  readonly keyGroups: KeyGroupRange;
  /** Room for state, timers and waiting rows, in bytes. */
  readonly budgetBytes: number;
  readonly context: OperatorContext;
  /** Wall time. */
  nowMs(): number;
}

export class ProcessOperator implements TimedOperator {
  /** By input. */
  readonly inputs: readonly Receiver[];
  readonly #wiring: ProcessWiring;
  readonly #tables: ProcessTables;
  readonly #readers: readonly RowReader[];
  readonly #inputWatermarks: MinimumWatermark;
  readonly #outputs: ProcessOutputs;
  readonly #call: ProcessCall;
  readonly #facts: CallFacts;
  readonly #caller: FunctionCaller;
  readonly #eventTime: boolean;

  constructor(wiring: ProcessWiring) {
    const { function: its, inputs, uid } = wiring;
    assert(inputs.length === its.inputs.length, "a process function gets as many inputs as it declares");
    this.#wiring = wiring;
    this.#eventTime = inputs.every((one) => one.timeColumn !== undefined);
    if (its.order === "event_time" && !this.#eventTime) {
      const message = `function ${its.name} processes rows in event-time order, and an input has no event time`;
      throw userError("process_function_invalid", `operator ${uid}`, message);
    }
    this.#tables = processTables({
      uid,
      keyTypes: keyTypesOf(inputs[0] as ProcessInput),
      states: wiring.states,
      inputCount: inputs.length,
      eventTime: this.#eventTime,
      maxParallelism: wiring.maxParallelism,
      keyGroups: wiring.keyGroups,
    });
    this.#readers = inputs.map((input, index) => new RowReader(input, its.inputs[index] as Schema));
    this.#inputWatermarks = new MinimumWatermark(inputs.length);
    this.#outputs = new ProcessOutputs({
      main: its.output,
      sides: its.sideOutputs,
      region: wiring.output,
      next: wiring.next,
      readers: wiring.sides,
    });
    this.#call = { key: NO_KEY, epoch: 0, now: undefined, open: false };
    this.#facts = {
      timestamp: 0n,
      watermark: WATERMARK_MIN,
      inputEnded: false,
      timer: undefined,
      late: false,
      timerSet: false,
    };
    this.#caller = this.#callerOf(wiring);
    this.inputs = inputs.map((_, input) => ({
      process: () => {
        this.#inputWatermarks.active(input);
        this.#process(input);
      },
      onWatermark: (watermark) => this.#onTimePassed(this.#inputWatermarks.advance(input, watermark)),
      onIdle: () => this.#onTimePassed(this.#inputWatermarks.idle(input)),
    }));
  }

  #callerOf(wiring: ProcessWiring): FunctionCaller {
    const call = this.#call;
    const facts = this.#facts;
    const eventTime = this.#eventTime;
    const context = new CallContext({
      call,
      facts,
      handles: handlesOf(wiring.states, this.#tables.states, call),
      timers: this.#tables.timers,
      outputs: this.#outputs,
      params: wiring.params,
      eventTime,
      takesTimers: wiring.function.hooks.onTimer !== undefined,
      nowMs: () => wiring.nowMs(),
    });
    const { uid, function: its } = wiring;
    return new FunctionCaller({ uid, function: its, readers: this.#readers, call, facts, context, eventTime });
  }

  get uid(): OperatorUid {
    return this.#wiring.uid;
  }
  get tables(): readonly KeyedState[] {
    const { states, timers, waiting } = this.#tables;
    return [states, timers, waiting];
  }

  get wakeAtMs(): number | undefined {
    const first = this.#tables.timers.first("processing");
    return first === undefined ? undefined : Number(first.time);
  }

  onTime(nowMs: number): void {
    const { timers, states } = this.#tables;
    const { watermark } = states;
    const now = BigInt(nowMs);
    const reached = watermark === WATERMARK_MIN ? undefined : watermark;
    this.#call.epoch = this.#wiring.context.epoch();
    for (let timer = timers.first("processing"); timer !== undefined && timer.time <= now; ) {
      this.#callTimer(timer, this.#eventTime ? reached : now, watermark, watermark === WATERMARK_MAX);
      if (this.#facts.timerSet) this.#callDue(watermark, watermark);
      this.#outputs.flushFull();
      timer = timers.first("processing");
    }
    states.expire(now, this.#call.epoch);
    this.#finish();
  }

  #process(input: number): void {
    const reader = this.#readers[input] as RowReader;
    const rows = reader.load();
    this.#call.epoch = this.#wiring.context.epoch();
    if (this.#wiring.function.order === "event_time") this.#keepWaiting(reader, input, rows);
    else if (this.#eventTime) this.#processAll(reader, input, rows);
    else this.#processTimeless(reader, input, rows);
    this.#finish();
  }

  /** In the order of arrival. */
  #processAll(reader: RowReader, input: number, rows: number): void {
    const { keys, states } = this.#tables;
    for (let row = 0; row < rows; row++) {
      const watermark = reader.watermark(row);
      const time = reader.time(row) as bigint;
      // A row that is late finds what it would find if all had been dropped that its own split has left behind.
      const now = laterOf(time, watermark);
      this.#caller.row(reader, row, { input, key: reader.key(row, keys), time, now, watermark });
      if (this.#facts.timerSet) this.#callPastTimers(states.watermark, now, watermark);
      this.#outputs.flushFull();
    }
  }

  /** Where not every input has event time: the rows of a batch have the time of day at which it came. */
  #processTimeless(reader: RowReader, input: number, rows: number): void {
    const { keys, states } = this.#tables;
    const time = BigInt(this.#wiring.nowMs());
    states.expire(time, this.#call.epoch);
    for (let row = 0; row < rows; row++) {
      const watermark = reader.watermark(row);
      this.#caller.row(reader, row, { input, key: reader.key(row, keys), time, now: time, watermark });
      this.#outputs.flushFull();
    }
    this.#facts.timerSet = false;
  }

  /** For event-time order: rows go into state, unless they are late. */
  #keepWaiting(reader: RowReader, input: number, rows: number): void {
    const { keys, waiting } = this.#tables;
    let late = 0;
    for (let row = 0; row < rows; row++) {
      const time = reader.time(row) as bigint;
      const watermark = reader.watermark(row);
      const key = reader.key(row, keys);
      if (time >= watermark) {
        waiting.add(key, time, input, reader.values(row), this.#call.epoch);
        continue;
      }
      late++;
      this.#caller.late(reader, row, { input, key, time, now: undefined, watermark });
      this.#outputs.flushFull();
    }
    if (late > 0) this.#wiring.context.countLate(late);
  }

  /** @param least what the inputs have come to together, where it has risen. */
  #onTimePassed(least: bigint | undefined): void {
    const { states } = this.#tables;
    // A restored operator may have been further than its inputs are when they go on.
    if (least !== undefined && least > states.watermark) {
      this.#call.epoch = this.#wiring.context.epoch();
      if (this.#eventTime) this.#callDue(least, WATERMARK_MIN);
      states.advance(least);
      this.#finish();
    }
    passOnTime(this.#inputWatermarks, least, this.#wiring.next);
  }

  /**
   * Calls the function for all timers and waiting rows that event time has passed.
   * @param reached how far it had come for what set the timers.
   */
  #callDue(watermark: bigint, reached: bigint): void {
    const { timers, waiting } = this.#tables;
    const ended = watermark === WATERMARK_MAX;
    let clock = reached;
    for (;;) {
      const timer = timers.first("event");
      const first = waiting.first();
      const row = first !== undefined && (first.time < watermark || ended) ? first : undefined;
      if (timer !== undefined && timer.time <= watermark && (row === undefined || timer.time <= row.time)) {
        clock = laterOf(clock, timer.time);
        this.#callTimer(timer, clock, clock, ended);
      } else if (row !== undefined) {
        clock = laterOf(clock, row.time);
        waiting.remove(row, this.#call.epoch);
        this.#caller.waiting(row);
      } else break;
      this.#outputs.flushFull();
    }
    this.#facts.timerSet = false;
  }

  /** Timers that a row has set for a time that has been reached already. */
  #callPastTimers(reached: bigint, now: bigint, watermark: bigint): void {
    const { timers } = this.#tables;
    for (let timer = timers.first("event"); timer !== undefined && timer.time <= reached; ) {
      this.#callTimer(timer, laterOf(now, timer.time), laterOf(watermark, timer.time), reached === WATERMARK_MAX);
      timer = timers.first("event");
    }
    this.#facts.timerSet = false;
  }

  #callTimer(timer: TimerEntry, now: bigint | undefined, watermark: bigint, inputEnded: boolean): void {
    this.#tables.timers.delete(timer.key, timer.kind, timer.time, this.#call.epoch);
    this.#caller.timer(timer, now, watermark, inputEnded);
  }

  /** At the end of whatever began here. */
  #finish(): void {
    this.#outputs.flush();
    const bytes = this.tables.reduce((sum, table) => sum + table.stateBytes, 0);
    const { budgetBytes, uid } = this.#wiring;
    if (bytes <= budgetBytes) return;
    const advice = "raise the budget, give the states a time to live, or spread the job over more tasks";
    const message = `the function's state takes ${bytes} bytes, the budget is ${budgetBytes}; ${advice}`;
    throw externalError("state_budget_exceeded", `operator ${uid}`, message);
  }
}

const laterOf = (left: bigint, right: bigint): bigint => (left > right ? left : right);

/** Between calls there is no key. */
const NO_KEY: KeyRecord = {
  text: "",
  values: [],
  keyGroup: -1,
  uses: 0,
  slots: [],
  eventTimers: undefined,
  processingTimers: undefined,
  waiting: undefined,
};

const keyTypesOf = ({ region, keyColumns }: ProcessInput): DataType[] =>
  keyColumns.map((position) => present(region.schema[position], "a key column").type);
