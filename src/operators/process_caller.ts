// Calls a process function: sets the context for each call, closes it afterwards, and says where a call that failed was.

import { AssertionError } from "../base/assert.ts";
import { MillraceError, userError } from "../base/errors.ts";
import type { OperatorUid } from "../base/ids.ts";
import type { ProcessFunction } from "../job/define_process.ts";
import type { KeyRecord, ProcessCall, TimerEntry, WaitingRow } from "../state/process_records.ts";
import { textOfKey } from "../state/process_keys.ts";
import type { CallContext, CallFacts } from "./process_context.ts";
import type { PlainRow, RowReader } from "./process_rows.ts";

/** A row that calls, beside its values. */
export interface RowFacts {
  readonly input: number;
  readonly key: KeyRecord;
  readonly time: bigint;
  /** What time to live is counted from. */
  readonly now: bigint | undefined;
  /** How far event time had come for the row. */
  readonly watermark: bigint;
}

export interface CallerWiring {
  readonly uid: OperatorUid;
  readonly function: ProcessFunction;
  readonly readers: readonly RowReader[];
  readonly call: ProcessCall;
  readonly facts: CallFacts;
  readonly context: CallContext;
  readonly eventTime: boolean;
}

export class FunctionCaller {
  readonly #wiring: CallerWiring;

  constructor(wiring: CallerWiring) {
    this.#wiring = wiring;
  }

  timer(timer: TimerEntry, now: bigint | undefined, watermark: bigint, inputEnded: boolean): void {
    const { hooks } = this.#wiring.function;
    const { key, kind, time } = timer;
    if (hooks.onTimer === undefined) return;
    this.#begin(key, now, time, watermark);
    this.#wiring.facts.timer = timer;
    this.#wiring.facts.inputEnded = inputEnded;
    try {
      checkSynchronous(hooks.onTimer({ kind, time }, this.#wiring.context));
    } catch (thrown) {
      throw this.#failure(thrown, "onTimer", `the ${kind}-time timer of ${time}`);
    } finally {
      this.#wiring.call.open = false;
    }
  }

  row(reader: RowReader, row: number, facts: RowFacts): void {
    this.#begin(facts.key, facts.now, facts.time, facts.watermark);
    try {
      checkSynchronous(this.#hook(facts.input, reader.row(row)));
    } catch (thrown) {
      throw this.#failure(thrown, hookNames[facts.input] as string, this.#placeOf(facts.input, row, facts.time));
    } finally {
      this.#wiring.call.open = false;
    }
  }

  waiting(row: WaitingRow): void {
    const { key, time, input, values } = row;
    const { readers, uid } = this.#wiring;
    const object = (readers[input] as RowReader).rowOf(values, `operator ${uid}, waiting rows`);
    this.#begin(key, time, time, time);
    try {
      checkSynchronous(this.#hook(input, object));
    } catch (thrown) {
      throw this.#failure(thrown, hookNames[input] as string, this.#placeOf(input, undefined, time));
    } finally {
      this.#wiring.call.open = false;
    }
  }

  late(reader: RowReader, row: number, facts: RowFacts): void {
    const { hooks } = this.#wiring.function;
    if (hooks.onLate === undefined) return;
    this.#begin(facts.key, facts.now, facts.time, facts.watermark);
    this.#wiring.facts.late = true;
    try {
      checkSynchronous(hooks.onLate(reader.row(row), this.#wiring.context));
    } catch (thrown) {
      throw this.#failure(thrown, "onLate", this.#placeOf(facts.input, row, facts.time));
    } finally {
      this.#wiring.call.open = false;
    }
  }

  #hook(input: number, row: PlainRow): unknown {
    const { hooks } = this.#wiring.function;
    if (input === 0) return hooks.process(row, this.#wiring.context);
    return hooks.processSecond?.(row, this.#wiring.context);
  }

  #begin(key: KeyRecord, now: bigint | undefined, timestamp: bigint, watermark: bigint): void {
    const call = this.#wiring.call;
    call.key = key;
    call.now = now;
    call.open = true;
    const facts = this.#wiring.facts;
    facts.timestamp = timestamp;
    facts.watermark = watermark;
    facts.inputEnded = false;
    facts.timer = undefined;
    facts.late = false;
  }

  #placeOf(input: number, row: number | undefined, time: bigint): string {
    const which = this.#wiring.readers.length === 1 ? "the input" : inputNames[input];
    const when = this.#wiring.eventTime ? ` (event time ${time})` : "";
    return row === undefined ? `a row of ${which}${when}` : `row ${row} of a batch of ${which}${when}`;
  }

  #failure(thrown: unknown, hook: string, place: string): unknown {
    if (thrown instanceof AssertionError) return thrown;
    const { uid } = this.#wiring;
    const where = `operator ${uid}, function ${this.#wiring.function.name}`;
    const circumstances = `in ${hook}, key ${textOfKey(this.#wiring.call.key.values)}, ${place}`;
    if (thrown instanceof MillraceError) {
      const { code, fault, retry, message } = thrown;
      return new MillraceError({ code, fault, retry, where, message: `${message} (${circumstances})`, cause: thrown });
    }
    const what = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
    return userError("process_function_failed", where, `the function threw ${what} (${circumstances})`, {
      cause: thrown,
    });
  }
}

const hookNames = ["process", "processSecond"] as const;
const inputNames = ["the first input", "the second input"] as const;

function checkSynchronous(result: unknown): void {
  if (typeof result !== "object" || result === null || !("then" in result)) return;
  const message = "the function returned a promise; a process function does all its work before it returns";
  throw userError("process_function_asynchronous", "", message);
}
