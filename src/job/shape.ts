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

export const numberBetween = (least: number, most: number) => {
  const expected = `a number from ${least} to ${most}`;
  return v.pipe(
    v.number(expected),
    v.check((value) => value >= least && value <= most, expected),
  );
};

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

/** More unknown fields of one object are only counted: looking for near names costs time. */
const UNKNOWN_FIELDS_MAX = 20;

type Fields = Record<string, unknown>;

const step = (input: Fields, key: string) =>
  ({ type: "object", origin: "value", input, key, value: input[key] }) as const;

type Making<Output> = v.GenericSchema<unknown, Output>;

const never = <Output>(expected: Expected): Making<Output> => v.custom<Output>(() => false, expected) as Making<Output>;

/** A schema that is chosen or completed by looking at the object that it checks. */
function objectWith<Output>(expected: Expected, choose: (input: Fields) => Making<Output>) {
  const schema = v.lazy<Making<Output>>((input) => (isPlainObject(input) ? choose(input) : never<Output>(expected)));
  return { ...schema, message: expected };
}

/** An object with exactly these fields. */
export function closed<const Entries extends v.ObjectEntries>(entries: Entries, expected: Expected) {
  const known = Object.keys(entries);
  const fields = v.object(entries, (issue) => missingField(issue.path, entries) ?? expected);
  return objectWith<v.InferOutput<typeof fields>>(expected, (input) => {
    const unknown = Object.keys(input).filter((key) => !known.includes(key));
    if (unknown.length === 0) return fields as Making<v.InferOutput<typeof fields>>;
    const refuse = v.rawCheck<v.InferOutput<typeof fields>>(({ addIssue }) => {
      for (const key of unknown.slice(0, UNKNOWN_FIELDS_MAX)) {
        const message = `no such field; known are ${allOf(known)}${didYouMean(key, known)}`;
        addIssue({ input: input[key], message, path: [step(input, key)] });
      }
      const more = unknown.length - UNKNOWN_FIELDS_MAX;
      if (more > 0) addIssue({ input, message: `no such fields: ${more} more unknown fields` });
    });
    return v.pipe(fields, refuse) as Making<v.InferOutput<typeof fields>>;
  });
}

type Path = readonly { readonly type: string; readonly origin: string; readonly key?: unknown }[] | undefined;

/** The field's own message says what should be there. */
function missingField(path: Path, entries: v.ObjectEntries): string | undefined {
  const last = path?.[0];
  if (last?.origin !== "key") return undefined;
  const { message } = entries[String(last.key)] as { readonly message?: unknown };
  return typeof message === "string" ? message : undefined;
}

/** One of several objects, told apart by one of their fields, `kind` where it is not said. */
export function byKind<const Options extends Readonly<Record<string, v.GenericSchema>>>(
  options: Options,
  expected: Expected,
  field = "kind",
) {
  type Output = v.InferOutput<Options[keyof Options]>;
  const kinds = Object.keys(options);
  const hint = (found: unknown): string =>
    `${oneOf(kinds)}${typeof found === "string" ? didYouMean(found, kinds) : ""}`;
  const noKind = v.object({ [field]: v.picklist(kinds, (issue) => hint(issue.input)) }, hint(undefined));
  return objectWith<Output>(expected, (input) => {
    const kind = kinds.find((one) => one === input[field]);
    return (kind === undefined ? noKind : options[kind]) as Making<Output>;
  });
}

/** An object whose keys are names as columns have them, in the order in which they are written. */
export function named<Item extends v.GenericSchema>(item: Item, least: number, most: number, expected: Expected) {
  type Output = Record<string, v.InferOutput<Item>>;
  return objectWith<Output>(expected, (input) => {
    const keys = Object.keys(input);
    if (keys.length < least || keys.length > most) return never<Output>(expected);
    const refuse = v.rawCheck<Output>(({ addIssue }) => {
      for (const key of keys) {
        if (!COLUMN_NAME.test(key)) addIssue({ input: key, message: COLUMN_NAME_EXPECTED, path: [step(input, key)] });
      }
    });
    const entries = v.object(Object.fromEntries(keys.map((key) => [key, item])));
    return v.pipe(entries as unknown as Making<Output>, refuse);
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

function pathText(base: string, items: readonly { readonly type: string; readonly key?: unknown }[]): string {
  let path = base;
  for (const { type, key } of items) path = type === "array" ? `${path}[${String(key)}]` : join(path, String(key));
  return path;
}

/** A field below a path; a name that is no plain identifier is quoted and cut. */
function join(base: string, key: string): string {
  const shown = /^[A-Za-z_$][\w$]{0,63}$/.test(key) ? key : undefined;
  if (shown === undefined) return `${base}[${show(key)}]`;
  return base === "" ? shown : `${base}.${shown}`;
}
