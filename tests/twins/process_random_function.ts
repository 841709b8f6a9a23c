// The process function of the random lives: it does what its rows say, and writes whatever it finds.

import {
  defineProcessFunction,
  listState,
  mapState,
  type ProcessFunction,
  type ProcessOrder,
  valueState,
} from "../../src/job/define_process.ts";
import type { ListState, MapState, ProcessContext, RowOf, ValueState } from "../../src/job/process_types.ts";
import type { StateValue } from "../../src/state/state_text.ts";

const NO_WATERMARK = -(2n ** 63n);

const columns = { key: "utf8?", number: "i64", at: "timestamp", action: "i64", amount: "i64", label: "utf8" } as const;
const output = { key: "utf8", from: "utf8", found: "utf8", at: "timestamp", watermark: "timestamp" } as const;
const sideOutputs = {
  aside: { key: "utf8", label: "utf8", amount: "i64?" },
  late: { key: "utf8", label: "utf8", at: "timestamp" },
} as const;

type ItsRow = RowOf<typeof columns>;
interface ItsStates {
  readonly count: ValueState<bigint>;
  readonly kept: ValueState<StateValue>;
  readonly list: ListState<StateValue>;
  readonly map: MapState<StateValue>;
}
type ItsTimers = Pick<
  ProcessContext<typeof output, Readonly<Record<string, never>>, typeof sideOutputs>,
  "setProcessingTimer" | "deleteProcessingTimer" | "processingTime" | "deleteEventTimer" | "setEventTimer"
>;

export const textOf = (value: unknown): string =>
  JSON.stringify(value, (_name, one: unknown) => {
    if (typeof one === "bigint") return `${one}n`;
    if (typeof one === "number") return Object.is(one, -0) ? "-0" : String(one);
    return one === undefined ? "undefined" : one;
  });

/** Actions 0 to 7 and 12, 13: on state. Returns what they found. */
function actOnState(row: ItsRow, { count, kept, list, map }: ItsStates): unknown {
  switch (Number(row.action)) {
    case 0:
      count.put((count.get() ?? 0n) + row.amount);
      return count.get();
    case 1: {
      const object = { label: row.label, numbers: [Number(row.amount), -0, Number.NaN], $odd: row.amount };
      kept.put(object);
      object.label = "changed afterwards";
      object.numbers.push(1);
      return kept.get();
    }
    case 2: {
      const value = kept.get() as { numbers?: number[] } | undefined;
      value?.numbers?.push(7);
      return [value, kept.get()];
    }
    case 3:
      return list.append(row.amount % 2n === 0n ? row.label : { n: row.amount });
    case 4:
      return [list.get(), map.size];
    case 5:
      return map.put(row.label, row.amount);
    case 6: {
      const found = [map.has(row.label), map.get(row.label)];
      map.delete(row.label);
      return found;
    }
    case 7:
      return [map.entries(), map.keys()];
    case 12:
      return row.amount > 5n ? list.set([row.label, null, true, 0.5]) : list.clear();
    case 13:
      if (row.amount > 7n) return map.clear();
      return row.amount > 4n ? kept.clear() : count.clear();
  }
  return undefined;
}

/** Actions 8 to 10. */
function actOnTimers(row: ItsRow, timers: ItsTimers, eventTime: boolean): void {
  const now = timers.processingTime;
  switch (Number(row.action)) {
    case 8:
      if (eventTime) timers.setEventTimer(row.at + row.amount * 3n - 10n);
      break;
    case 9:
      for (let time = row.at; time < row.at + 20n; time++) timers.deleteEventTimer(time);
      break;
    case 10:
      timers.setProcessingTimer(now + row.amount);
      if (row.amount > 5n) timers.deleteProcessingTimer(now + row.amount - 3n);
      break;
  }
}

/** @param eventTime whether its inputs have event time: without it there are no event-time timers. */
export function randomFunction(order: ProcessOrder, ttlMs: number | undefined, eventTime: boolean): ProcessFunction {
  const ttl = ttlMs === undefined ? {} : { ttl: ttlMs };
  const states = {
    count: valueState<bigint>(ttl),
    kept: valueState<StateValue>(),
    list: listState<StateValue>(ttl),
    map: mapState<StateValue>(ttl),
  };
  const defined = defineProcessFunction({
    name: "random",
    order: "event_time",
    input: columns,
    secondInput: columns,
    output,
    sideOutputs,
    states,
    process(row, context) {
      const { key, timestamp: at, watermark } = context;
      const found = textOf(actOnState(row, context.states) ?? null);
      actOnTimers(row, context, eventTime);
      if (row.action === 11n) {
        const amount = row.amount > 5n ? {} : { amount: row.amount };
        context.sideOutput("aside", { key: textOf(key), label: row.label, ...amount });
      }
      context.emit({ key: textOf(key), from: `row ${row.label}`, found, at, watermark });
    },
    processSecond(row, context) {
      const { key, timestamp: at, watermark, states: its } = context;
      its.list.append(row.amount);
      if (row.action > 10n && eventTime) context.setEventTimer(at + row.amount);
      const found = textOf([its.count.get(), its.map.keys()]);
      context.emit({ key: textOf(key), from: `second ${row.label}`, found, at, watermark });
    },
    onTimer(timer, context) {
      const { key, timestamp: at, watermark } = context;
      const { count, list, map } = context.states;
      const found = textOf([count.get(), list.get(), map.entries(), timer.time]);
      const n = (count.get() ?? 0n) + 1n;
      count.put(n);
      if (n % 4n === 0n) map.put("timer", timer.time);
      if (n % 5n === 0n) list.clear();
      const reached = context.inputEnded || watermark === NO_WATERMARK;
      if (n % 3n === 0n && eventTime && !reached) context.setEventTimer(watermark + n);
      if (n % 7n === 0n && timer.kind === "event") context.setProcessingTimer(context.processingTime + n);
      context.emit({ key: textOf(key), from: timer.kind, found, at, watermark });
    },
    onLate(row, context) {
      const label = `${context.watermark} ${row.label}`;
      context.sideOutput("late", { key: textOf(context.key), label, at: context.timestamp });
    },
  });
  return { ...defined, order };
}
