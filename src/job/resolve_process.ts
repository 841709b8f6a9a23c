// Checks a process: its function, the keys of its inputs, its own columns and side outputs.

import type { Field, Schema } from "../batch/schema.ts";
import { allOf, didYouMean, show } from "../expression/problem.ts";
import type { FieldSpec, ProcessSpec } from "./job_spec.ts";
import { keyFields } from "./key_fields.ts";
import {
  failed,
  type InputStream,
  knownInputs,
  neededTime,
  refuse,
  refuseUpdating,
  type Resolution,
  type Site,
  type Sound,
  type Stream,
  timeless,
} from "./stream.ts";

export function resolveProcess(spec: Sound<ProcessSpec>, site: Site): Resolution {
  const before = site.problems.length;
  const { outputs, columns, keyBy } = spec;
  checkFunction(spec, site);
  for (const input of site.inputs) refuseUpdating(site, input, "put the process before that operator");
  const stream = (schema: readonly FieldSpec[]): Stream => ({
    schema,
    eventTime: timeless("process", spec.uid),
    updating: undefined,
  });
  if (columns !== undefined) refuseRepeats(columns, `${site.path}.columns`, site);
  for (const [name, fields] of Object.entries(outputs ?? {})) {
    refuseRepeats(fields, `${site.path}.outputs.${name}`, site);
    if (name !== "main") continue;
    refuse(site, `${site.path}.outputs.main`, show(name), "another name: the rows of columns go to it");
  }
  const sides = new Map(Object.entries(outputs ?? {}));
  const unknown: Resolution = { ...failed, sides: new Map([...sides].map(([name, one]) => [name, stream(one)])) };
  if (keyBy !== undefined) checkKeys(keyBy, site);
  checkDeclared(spec, site);
  if (columns === undefined || site.problems.length > before) return unknown;
  const main = stream(columns);
  const inputs = knownInputs(site);
  const sound =
    keyBy !== undefined && outputs !== undefined && spec.states !== undefined && spec.function !== undefined;
  if (!sound || inputs === undefined) return { ...unknown, main };
  const times = site.inputs.map((one) => one.eventTime);
  if (times.some((one) => one.kind === "unknown")) return { ...unknown, main };
  const timeColumns = times.map((one) => (one.kind === "column" ? one.name : undefined));
  const known = { parallelism: site.parallelism, inputs, output: columns, updating: false, sides };
  return { ...unknown, main, operator: { kind: "process", spec: spec as ProcessSpec, ...known, timeColumns } };
}

function checkFunction({ function: name, inputs }: Sound<ProcessSpec>, site: Site): void {
  if (name === undefined || site.functions === "any") return;
  const path = `${site.path}.function`;
  const names = [...site.functions.keys()];
  const known = site.functions.get(name);
  const all = names.length === 0 ? "; it registers none" : `: ${allOf(names)}${didYouMean(name, names)}`;
  if (known === undefined) refuse(site, path, show(name), `a function that the deployment registers${all}`);
  else if (inputs !== undefined && known.inputs !== inputs.length) {
    const counted = (count: number): string => (count === 1 ? "1 input" : `${count} inputs`);
    refuse(site, path, `${show(name)} with ${counted(inputs.length)}`, `${counted(known.inputs)}, which it reads`);
  }
}

/** The spec says of the function what the function says of itself. */
function checkDeclared({ function: name, columns, states, outputs }: Sound<ProcessSpec>, site: Site): void {
  const known = name === undefined || site.functions === "any" ? undefined : site.functions.get(name)?.declares;
  if (known === undefined) return;
  const { path } = site;
  const expect = (at: string, found: string, wanted: string): void => {
    if (found !== wanted) refuse(site, `${path}.${at}`, found, `what function ${show(name)} declares: ${wanted}`);
  };
  if (columns !== undefined) expect("columns", textOf(columns), textOf(known.columns));
  if (states !== undefined) {
    const kinds = Object.entries(states).map(([state, { kind }]) => `${state} ${kind}`);
    const declared = [...known.states].map(([state, kind]) => `${state} ${kind}`);
    expect("states", listOf(kinds.sort()), listOf(declared.sort()));
  }
  if (outputs !== undefined) {
    expect("outputs", listOf(Object.keys(outputs).sort()), listOf([...known.outputs.keys()].sort()));
    for (const [side, fields] of Object.entries(outputs)) {
      const declared = known.outputs.get(side);
      if (declared !== undefined) expect(`outputs.${side}`, textOf(fields), textOf(declared));
    }
  }
  site.inputs.forEach((input, index) => {
    checkReads(input, known.reads[index] ?? [], site, name);
    if (known.needsEventTime) neededTime(site, input);
  });
}

function checkReads({ schema, path }: InputStream, reads: Schema, site: Site, name: string | undefined): void {
  for (const column of schema === undefined ? [] : reads) {
    const found = schema?.find((one) => one.name === column.name);
    const fits = found?.type === column.type && (column.nullable || !found.nullable);
    const what = found === undefined ? `no column ${show(column.name)}` : textOf([found]);
    if (!fits) refuse(site, path, what, `${textOf([column])}, which function ${show(name)} reads`);
  }
}

const textOf = (fields: readonly FieldSpec[]): string =>
  listOf(fields.map(({ name, type, nullable }) => `${name} ${type}${nullable ? "?" : ""}`));
const listOf = (texts: readonly string[]): string => (texts.length === 0 ? "none" : texts.join(", "));

function refuseRepeats(fields: readonly FieldSpec[], path: string, site: Site): void {
  const names = fields.map((one) => one.name);
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) === index) continue;
    refuse(site, `${path}[${index}].name`, show(name), "a name that no column before it has");
  }
}

/** The keys of both inputs are one key: as many columns, of the same types. */
function checkKeys(keyBy: readonly (readonly string[])[], site: Site): void {
  const keys: (readonly Field[] | undefined)[] = keyBy.map((names, input) => {
    const schema = site.inputs[input]?.schema;
    const path = site.short ? `${site.path}.keyBy` : `${site.path}.keyBy[${input}]`;
    return schema && keyFields(site, names, schema, path);
  });
  const [left, right] = keys;
  if (left === undefined || right === undefined) return;
  const typesOf = (fields: readonly Field[]): string => fields.map((one) => one.type).join(", ");
  if (typesOf(left) === typesOf(right)) return;
  const expected = `as many keys of the same types as the first input has: ${typesOf(left)}`;
  refuse(site, `${site.path}.keyBy[1]`, `keys of type ${typesOf(right)}`, expected);
}
