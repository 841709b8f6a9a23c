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
import type { Schema } from "../batch/schema.ts";
import type { Value } from "../batch/record_batch.ts";
import type { StateDeclaration } from "../state/process_states.ts";
import type { Columns } from "./column_types.ts";
import { type Duration, durationMs } from "./duration.ts";
import { fieldsOf } from "./field_specs.ts";
import type { FunctionDeclaration, FunctionSignature } from "./process_function.ts";
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
  /** Job specs name the function by it: letters, digits, `.`, `-` and `_`, beginning with a letter. */
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

/** What stands for the second input of a function of one. */
export type NoColumns = Readonly<Record<string, never>>;

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
  const Second extends Columns = NoColumns,
  Declared extends States = Readonly<Record<string, never>>,
  const Sides extends SideOutputs = Readonly<Record<string, never>>,
>(definition: ProcessDefinition<In, Second, Out, Declared, Sides>): TypedProcessFunction<In, Second, Out, Sides> {
  const { name, input, secondInput, output, order = "arrival" } = definition;
  const states: States = definition.states ?? {};
  const sideOutputs: SideOutputs = definition.sideOutputs ?? {};
  const refuse = (message: string) => userError("process_function_invalid", `process function ${name}`, message);
  if (!/^[A-Za-z][A-Za-z0-9._-]{0,127}$/.test(name)) {
    throw refuse("its name must have letters, digits, `.`, `-` and `_`, begin with a letter, and be at most 128 long");
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
    inputs: secondInput === undefined ? [fieldsOf(input)] : [fieldsOf(input), fieldsOf(secondInput)],
    output: fieldsOf(output),
    states: declared,
    sideOutputs: new Map(Object.entries(sideOutputs).map(([side, columns]) => [side, fieldsOf(columns)])),
    order,
    hooks: definition,
  };
}

/** Whether something that a module exports was made by `defineProcessFunction`. */
export function isProcessFunction(value: unknown): value is ProcessFunction {
  if (typeof value !== "object" || value === null) return false;
  const { inputs, hooks, sideOutputs } = value as Partial<ProcessFunction>;
  return Array.isArray(inputs) && sideOutputs instanceof Map && typeof hooks?.process === "function";
}

const declarationOf = (its: ProcessFunction): FunctionDeclaration => ({
  reads: its.inputs,
  columns: its.output,
  states: new Map(its.states.map(({ name, kind }) => [name, kind])),
  outputs: its.sideOutputs,
  needsEventTime: its.order === "event_time",
});

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

  /** What the validation of a job spec checks a process against. */
  get signatures(): ReadonlyMap<string, FunctionSignature> {
    return new Map(
      this.names.map((name) => {
        const its = this.#byName.get(name) as ProcessFunction;
        return [name, { inputs: its.inputs.length === 1 ? 1 : 2, declares: declarationOf(its) }];
      }),
    );
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
