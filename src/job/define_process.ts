// Process functions: TypeScript that users write, registered with a deployment by name and named by job specs.
//
//   export const firstOrder = defineProcessFunction({
//     name: "first_order",
//     input: { customer: "utf8", order: "i64", at: "timestamp" },
//     output: { customer: "utf8", order: "i64" },
//     states: { seen: valueState<boolean>({ ttl: { days: 30 } }) },
//     process(row, context) {
//       if (context.states.seen.get()) return;
//       context.states.seen.put(true);
//       context.emit({ customer: row.customer, order: row.order });
//     },
//   });

import { userError } from "../base/errors.ts";
import type { DataType, Schema } from "../batch/schema.ts";
import type { Value } from "../batch/record_batch.ts";
import type { StateDeclaration } from "../state/process_states.ts";
import type { Columns, ColumnType } from "./column_types.ts";
import { type Duration, durationMs } from "./duration.ts";
import type {
  Keepable,
  LateContext,
  ListState,
  MapState,
  ProcessContext,
  RowOf,
  SideOutputs,
  StateOf,
  States,
  Timer,
  ValueState,
} from "./process_types.ts";

/**
 * `arrival`: a row is processed when it arrives. `event_time`: rows wait in state until the watermark has passed them,
 * and are processed in the order of event time, so that the result depends on the data alone.
 */
export type ProcessOrder = "arrival" | "event_time";

/** What the user writes. The names stand for: columns of the input, of a second input, of the output. */
export interface ProcessDefinition<
  In extends Columns,
  Second extends Columns,
  Out extends Columns,
  Declared extends States,
  Sides extends SideOutputs,
> {
  /** Job specs name the function by it. Letters, digits, `_`, `-` and `.`. */
  readonly name: string;
  /** The columns that the function reads; the input may have more. */
  readonly input: In;
  /** For a function of two inputs. */
  readonly secondInput?: Second;
  readonly output: Out;
  readonly states?: Declared;
  readonly sideOutputs?: Sides;
  /** `arrival` where it is not said. */
  readonly order?: ProcessOrder;
  process(row: RowOf<In>, context: ProcessContext<Out, Declared, Sides>): void;
  processSecond?(row: RowOf<Second>, context: ProcessContext<Out, Declared, Sides>): void;
  onTimer?(timer: Timer, context: ProcessContext<Out, Declared, Sides>): void;
  /** In event-time order: a row that came after event time had passed it. */
  onLate?(row: RowOf<In> | RowOf<Second>, context: LateContext<Out, Sides>): void;
}

/** A function as the engine runs it: without the types of its rows. */
export interface ProcessFunction {
  readonly name: string;
  /** One or two: the columns that it reads. */
  readonly inputs: readonly Schema[];
  readonly output: Schema;
  readonly states: readonly StateDeclaration[];
  readonly sideOutputs: ReadonlyMap<string, Schema>;
  readonly order: ProcessOrder;
  readonly hooks: ProcessHooks;
}

type AnyRow = Readonly<Record<string, Value>>;
type AnyContext = ProcessContext<Columns, Readonly<Record<string, never>>, SideOutputs>;

/** Written as methods, so that functions of narrower rows fit. */
export interface ProcessHooks {
  process(row: AnyRow, context: AnyContext): unknown;
  processSecond?(row: AnyRow, context: AnyContext): unknown;
  onTimer?(timer: Timer, context: AnyContext): unknown;
  onLate?(row: AnyRow, context: LateContext<Columns, SideOutputs>): unknown;
}

/** A function with the types of its streams, for the builder. */
export interface TypedProcessFunction<
  In extends Columns,
  Second extends Columns,
  Out extends Columns,
  Sides extends SideOutputs,
> extends ProcessFunction {
  /** Never there; it carries the types. */
  readonly types?: { readonly input: In; readonly secondInput: Second; readonly output: Out; readonly sides: Sides };
}

interface StateOptions {
  /** An entry is gone this long after it was put. */
  readonly ttl?: Duration;
}

const stateOf = <Handle>(kind: StateOf<Handle>["kind"], { ttl }: StateOptions): StateOf<Handle> =>
  ttl === undefined ? { kind } : { kind, ttlMs: durationMs(ttl) };

/** One value by key. */
export const valueState = <Kept extends Keepable>(options: StateOptions = {}): StateOf<ValueState<Kept>> =>
  stateOf("value", options);
/** A list by key. */
export const listState = <Kept extends Keepable>(options: StateOptions = {}): StateOf<ListState<Kept>> =>
  stateOf("list", options);
/** A map from text by key. */
export const mapState = <Kept extends Keepable>(options: StateOptions = {}): StateOf<MapState<Kept>> =>
  stateOf("map", options);

/** Throws `process_function_invalid` with what is wrong. */
export function defineProcessFunction<
  const In extends Columns,
  const Out extends Columns,
  const Second extends Columns = Readonly<Record<string, never>>,
  Declared extends States = Readonly<Record<string, never>>,
  const Sides extends SideOutputs = Readonly<Record<string, never>>,
>(definition: ProcessDefinition<In, Second, Out, Declared, Sides>): TypedProcessFunction<In, Second, Out, Sides> {
  const { name, input, secondInput, output, order = "arrival" } = definition;
  const states: States = definition.states ?? {};
  const sideOutputs: SideOutputs = definition.sideOutputs ?? {};
  const refuse = (message: string) => userError("process_function_invalid", `process function ${name}`, message);
  if (!/^[A-Za-z0-9_.-]{1,100}$/.test(name)) {
    throw refuse("its name must have 1 to 100 letters, digits, `_`, `-` and `.`");
  }
  if ((secondInput === undefined) !== (definition.processSecond === undefined)) {
    throw refuse("`secondInput` and `processSecond` belong together: found one without the other");
  }
  if (definition.onLate !== undefined && order !== "event_time") {
    throw refuse('`onLate` is called only in the order "event_time"; in order of arrival, late rows reach `process`');
  }
  const declared = Object.entries(states).map(([state, { kind, ttlMs }]) => {
    if (ttlMs === undefined || (Number.isSafeInteger(ttlMs) && ttlMs > 0)) return { name: state, kind, ttlMs };
    throw refuse(`state "${state}" has a time to live of ${ttlMs} ms; it must be a positive whole number`);
  });
  return {
    name,
    inputs: secondInput === undefined ? [schemaOf(input)] : [schemaOf(input), schemaOf(secondInput)],
    output: schemaOf(output),
    states: declared,
    sideOutputs: new Map(Object.entries(sideOutputs).map(([side, columns]) => [side, schemaOf(columns)])),
    order,
    hooks: definition,
  };
}

const schemaOf = (columns: Columns): Schema => Object.entries(columns).map(([name, type]) => fieldOf(name, type));

function fieldOf(name: string, type: ColumnType): Schema[number] {
  const nullable = type.endsWith("?");
  return { name, type: (nullable ? type.slice(0, -1) : type) as DataType, nullable };
}

/** The functions of one deployment by name. */
export class ProcessFunctions {
  readonly #byName = new Map<string, ProcessFunction>();

  constructor(functions: Iterable<ProcessFunction> = []) {
    for (const one of functions) {
      if (this.#byName.has(one.name) && this.#byName.get(one.name) !== one) {
        const message = "two functions have this name; each needs one of its own";
        throw userError("process_function_invalid", `process function ${one.name}`, message);
      }
      this.#byName.set(one.name, one);
    }
  }

  get names(): readonly string[] {
    return [...this.#byName.keys()].sort();
  }

  /** @param where the place that names it: a path of the spec. */
  get(name: string, where: string): ProcessFunction {
    const found = this.#byName.get(name);
    if (found !== undefined) return found;
    const known = this.names.length === 0 ? "it has none" : `it has ${this.names.join(", ")}`;
    const message = `there is no process function "${name}" in this deployment; ${known}`;
    throw userError("process_function_unknown", where, message);
  }
}
