// Building blocks of the spec's shape in valibot. The message of every schema says what would be right,
// so that an issue becomes a problem without a second table of texts.
// Invariant: an object's problems are all reported, unknown fields included, whatever else is wrong with it.

import * as v from "valibot";
import { allOf, didYouMean, oneOf, type Problem, show } from "../expression/problem.ts";

/** What is right about a field, in words; the schema's message. */
type Expected = string;

export const text = (expected: Expected, pattern: RegExp) =>
  v.pipe(
    v.string(expected),
    v.check((value) => pattern.test(value), expected),
  );

export const wholeNumber = (least: number, most: number, expected: Expected) =>
  v.pipe(
    v.number(expected),
    v.check((value) => Number.isSafeInteger(value) && value >= least && value <= most, expected),
  );

export const flag = () => v.boolean("true or false");

export const oneName = <const Names extends readonly string[]>(names: Names) => v.picklist(names, oneOf(names));

/** The length is checked first, so that a long list of wrong items is one problem. */
export const listOf = <Item extends v.GenericSchema>(item: Item, least: number, most: number, expected: Expected) =>
  v.pipe(
    v.array(v.unknown(), expected),
    v.check((value) => value.length >= least && value.length <= most, expected),
    v.array(item, expected),
  );

export const optionalOr = <Schema extends v.GenericSchema, const Value extends v.InferInput<Schema>>(
  schema: Schema,
  value: Value,
) => v.exactOptional(schema, value);

/** `__` begins names of Millrace's own. */
export const COLUMN_NAME = /^(?!__)[A-Za-z_][A-Za-z0-9_]{0,63}$/;
export const COLUMN_NAME_EXPECTED =
  "a column name: letters, digits and _, not beginning with a digit or __, at most 64 characters";

/** Checked later, by rules that know the columns. */
export const anything = (expected: Expected) => v.custom<unknown>(() => true, expected);

type Run = v.Config<v.BaseIssue<unknown>>;

/** A schema of our own: `run` adds its issues to the dataset. */
function schemaOf<Output>(
  expected: Expected,
  run: (
    dataset: v.UnknownDataset,
    config: Run,
    self: v.GenericSchema<unknown, Output>,
  ) => v.OutputDataset<Output, v.BaseIssue<unknown>>,
): v.GenericSchema<unknown, Output> & { readonly message: string } {
  const self: v.GenericSchema<unknown, Output> & { readonly message: string } = {
    ...(v.custom<Output>(() => true) as v.GenericSchema<unknown, Output>),
    message: expected,
    "~run": (dataset, config) => run(dataset, config, self),
  };
  return self;
}

function addIssue(
  self: v.GenericSchema,
  dataset: v.OutputDataset<unknown, v.BaseIssue<unknown>>,
  config: Run,
  input: unknown,
  message: string,
  key?: string,
): void {
  const path =
    key === undefined ? undefined : [{ type: "object", origin: "value", input: {}, key, value: input } as const];
  v._addIssue(self as never, "value", dataset as never, config as never, { input, message, path } as never);
}

/** More unknown fields of one object are only counted: looking for near names costs time. */
const UNKNOWN_FIELDS_MAX = 20;

/** An object with exactly these fields. */
export function closed<const Entries extends v.ObjectEntries>(entries: Entries, expected: Expected) {
  const inner = v.object(entries, expected);
  const known = Object.keys(entries);
  return schemaOf<v.InferOutput<typeof inner>>(expected, (dataset, config, self) => {
    const input = dataset.value;
    if (!isPlainObject(input)) {
      addIssue(self, dataset as never, config, input, expected);
      return dataset as never;
    }
    const result = inner["~run"](dataset, config as never);
    for (const issue of result.issues ?? []) {
      const missing =
        issue.path?.length === 1 && issue.path[0].origin === "key" ? String(issue.path[0].key) : undefined;
      if (missing !== undefined) Object.assign(issue, { message: (entries[missing] as { message?: unknown }).message });
    }
    const unknown = Object.keys(input).filter((key) => !known.includes(key));
    for (const key of unknown.slice(0, UNKNOWN_FIELDS_MAX)) {
      const hint = `no such field; known are ${allOf(known)}${didYouMean(key, known)}`;
      addIssue(self, result as never, config, input[key], hint, key);
    }
    if (unknown.length > UNKNOWN_FIELDS_MAX) {
      const text = `${unknown.length - UNKNOWN_FIELDS_MAX} more unknown fields`;
      addIssue(self, result as never, config, input, `no such fields: ${text}`);
    }
    return result as never;
  });
}

/** One of several objects, told apart by their field `kind`. */
export function byKind<const Options extends Readonly<Record<string, v.GenericSchema>>>(
  options: Options,
  expected: Expected,
) {
  const kinds = Object.keys(options);
  return schemaOf<v.InferOutput<Options[keyof Options]>>(expected, (dataset, config, self) => {
    const input = dataset.value;
    if (!isPlainObject(input)) {
      addIssue(self, dataset as never, config, input, expected);
      return dataset as never;
    }
    const kind = kinds.find((one) => one === input["kind"]);
    if (kind !== undefined) return (options[kind] as v.GenericSchema)["~run"](dataset, config) as never;
    const near = typeof input["kind"] === "string" ? didYouMean(input["kind"], kinds) : "";
    addIssue(self, dataset as never, config, input["kind"], `${oneOf(kinds)}${near}`, "kind");
    return dataset as never;
  });
}

/** An object whose keys are column names, in the order in which they are written. */
export function namedColumns<Item extends v.GenericSchema>(item: Item, most: number, expected: Expected) {
  return schemaOf<Record<string, v.InferOutput<Item>>>(expected, (dataset, config, self) => {
    const input = dataset.value;
    const keys = isPlainObject(input) ? Object.keys(input) : [];
    if (!isPlainObject(input) || keys.length < 1 || keys.length > most) {
      addIssue(self, dataset as never, config, input, expected);
      return dataset as never;
    }
    const value: Record<string, unknown> = {};
    const result = { typed: true, value, issues: undefined } as unknown as v.OutputDataset<never, v.BaseIssue<unknown>>;
    for (const key of keys) {
      if (!COLUMN_NAME.test(key)) {
        addIssue(self, result, config, key, COLUMN_NAME_EXPECTED, key);
        continue;
      }
      const one = item["~run"]({ value: input[key] } as never, config);
      for (const issue of one.issues ?? []) {
        const step = { type: "object", origin: "value", input, key, value: input[key] } as const;
        const path = [step, ...(issue.path ?? [])];
        Object.assign(result, { issues: [...(result.issues ?? []), { ...issue, path }], typed: false });
      }
      value[key] = one.value;
    }
    return result;
  });
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** One problem an issue. A missing field is found as nothing, expected as its own schema says. */
export function problemsOf(issues: readonly v.BaseIssue<unknown>[], base: string): Problem[] {
  return issues.map((issue) => {
    const last = issue.path?.[issue.path.length - 1];
    const missing = last?.origin === "key";
    return {
      path: pathText(base, issue.path ?? []),
      found: missing ? "nothing" : show(issue.input),
      expected: issue.message,
    };
  });
}

export function pathText(base: string, items: readonly { readonly type: string; readonly key?: unknown }[]): string {
  let path = base;
  for (const { type, key } of items) path = type === "array" ? `${path}[${String(key)}]` : join(path, String(key));
  return path;
}

/** A field below a path; a name that is no plain identifier is quoted and cut. */
export function join(base: string, key: string): string {
  const shown = /^[A-Za-z_$][\w$]{0,63}$/.test(key) ? key : undefined;
  if (shown === undefined) return `${base}[${show(key)}]`;
  return base === "" ? shown : `${base}.${shown}`;
}
