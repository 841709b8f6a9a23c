// What one operator hands to the next while a spec is checked: columns, event time, and whether rows are taken back.
// Where an operator is wrong its output is unknown, and nothing that reads it is blamed for what it cannot know.

import type { Schema } from "../batch/schema.ts";
import { type Problem, show } from "../expression/problem.ts";
import type { KnownFunctions } from "./process_function.ts";
import type { ResolvedInput, ResolvedOperator } from "./resolved_job.ts";

/** Where a stream's rows carry their event time. */
export type EventTime =
  | { readonly kind: "column"; readonly name: string }
  /** No time, and the reason in words. */
  | { readonly kind: "none"; readonly reason: string }
  | { readonly kind: "unknown" };

/** An unknown schema or time means that a problem was reported already. */
export interface Stream {
  readonly schema: Schema | undefined;
  readonly eventTime: EventTime;
  /** Rows may take earlier ones back: which operator does that, in words. */
  readonly updating: string | undefined;
}

export const UNKNOWN: Stream = { schema: undefined, eventTime: { kind: "unknown" }, updating: undefined };

/** The fields of a spec that have the right shape; a wrong one is there but undefined. */
export type Sound<Spec> = { readonly [Name in keyof Spec]?: Spec[Name] | undefined };

export interface InputStream extends Stream {
  /** `operators[3].left`, for problems. */
  readonly path: string;
  readonly uid: string;
  readonly output: string;
}

/** What an operator is checked with, besides its own spec. */
export interface Site {
  readonly path: string;
  readonly problems: Problem[];
  readonly inputs: readonly InputStream[];
  readonly parallelism: number;
  readonly functions: KnownFunctions;
  /** `input` and a flat `keyBy` stood where lists could. */
  readonly short: boolean;
}

export interface Resolution {
  readonly main: Stream;
  readonly sides: ReadonlyMap<string, Stream>;
  readonly operator: ResolvedOperator | undefined;
}

export const failed: Resolution = { main: UNKNOWN, sides: new Map(), operator: undefined };

export const refuse = (site: Site, path: string, found: string, expected: string): void => {
  site.problems.push({ path, found, expected });
};

/** The inputs whose columns are all known, or undefined. */
export function knownInputs({ inputs }: Site): readonly ResolvedInput[] | undefined {
  const known = inputs.flatMap(({ uid, output, schema, updating }) =>
    schema === undefined ? [] : [{ uid, output, schema, updating: updating !== undefined }],
  );
  return known.length === inputs.length && known.length > 0 ? known : undefined;
}

export const inputOf = (site: Site, index = 0): InputStream =>
  site.inputs[index] ?? { ...UNKNOWN, path: `${site.path}.input`, uid: "", output: "main" };

/** Whether an operator that only appends may read the input; says what to do where it may not. */
export function refuseUpdating(site: Site, input: InputStream, instead: string): boolean {
  if (input.updating === undefined) return false;
  const found = `rows that are taken back later: ${input.updating}`;
  refuse(site, input.path, found, `rows that stay: ${instead}`);
  return true;
}

const TIMED = "a source with eventTime, and only filters, unions and projections that keep it in between";

/** The input's event-time column; where it surely has none, that is a problem. */
export function neededTime(site: Site, input: InputStream): string | undefined {
  const { eventTime } = input;
  if (eventTime.kind === "none")
    refuse(site, input.path, `no event time: ${eventTime.reason}`, `an input with event time: ${TIMED}`);
  return eventTime.kind === "column" ? eventTime.name : undefined;
}

/** Results of an operator that keep no time. */
export const timeless = (kind: string, uid: string | undefined): EventTime => ({
  kind: "none",
  reason: `${kind} ${show(uid)} comes before, and its results have none`,
});
