// What a spec says of a process function: as the function declares it, or as the job does where it only names it.

import type { ProcessOptions, FunctionOptions, SideColumns } from "./builder_types.ts";
import type { Columns } from "./column_types.ts";
import type { ProcessFunction } from "./define_process.ts";
import { milliseconds } from "./duration.ts";
import { fieldsOf } from "./field_specs.ts";
import type { ProcessSpec } from "./job_spec.ts";

export type ProcessFacts = Pick<ProcessSpec, "function" | "columns" | "states" | "outputs" | "params">;

type NamedOptions = ProcessOptions<Columns, SideColumns>;

export const processFacts = (its: string | ProcessFunction, options: NamedOptions | FunctionOptions): ProcessFacts =>
  typeof its === "string" ? namedFunction(its, options as NamedOptions) : definedFunction(its, options);

function namedFunction(name: string, options: NamedOptions): ProcessFacts {
  const { columns, states = {}, outputs = {}, params = null } = options;
  const kept = Object.entries(states).map(([key, { kind, ttl }]) => [key, { kind, ...milliseconds("ttlMs", ttl) }]);
  const sides = Object.entries(outputs).map(([side, schema]) => [side, fieldsOf(schema)]);
  return {
    function: name,
    columns: fieldsOf(columns),
    states: Object.fromEntries(kept),
    outputs: Object.fromEntries(sides),
    params,
  };
}

function definedFunction(its: ProcessFunction, { params = null }: FunctionOptions): ProcessFacts {
  const kept = its.states.map(({ name, kind, ttlMs }) => [name, { kind, ...milliseconds("ttlMs", ttlMs) }]);
  return {
    function: its.name,
    columns: its.output,
    states: Object.fromEntries(kept),
    outputs: Object.fromEntries(its.sideOutputs),
    params,
  };
}
