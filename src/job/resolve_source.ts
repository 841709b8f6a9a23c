// Checks a source: its declared columns and its event time.

import { columnIndex, field, type Schema } from "../batch/schema.ts";
import { oneOf, show } from "../expression/problem.ts";
import type { SourceSpec } from "./job_spec.ts";
import { type EventTime, failed, refuse, type Resolution, type Site, type Sound, type Stream } from "./stream.ts";

/** Rows that could not be decoded, as the side output `<source uid>#rejected` gives them. */
export const rejectedSchema: Schema = [
  field("source", "utf8"),
  field("position", "utf8"),
  field("reason", "utf8"),
  field("raw", "utf8"),
];

const rejected: Stream = {
  schema: rejectedSchema,
  eventTime: { kind: "none", reason: "rejected rows have none" },
  updating: undefined,
};

export function resolveSource(spec: Sound<SourceSpec>, site: Site): Resolution {
  const sides = new Map([["rejected", rejected]]);
  const { schema, eventTime } = spec;
  if (schema === undefined || repeatsName(schema, site)) return { ...failed, sides };
  // Present but not sound: its problem is known, so windows need not complain of a lack.
  const unsound = "eventTime" in spec && eventTime === undefined;
  const known = eventTime === undefined || isTime(eventTime.column, schema, site);
  const none: EventTime = { kind: "none", reason: `source ${show(spec.uid)} has no eventTime` };
  const time: EventTime = eventTime === undefined ? none : { kind: "column", name: eventTime.column };
  const main: Stream = { schema, eventTime: unsound || !known ? { kind: "unknown" } : time, updating: undefined };
  if (unsound || !known) return { main, sides, operator: undefined };
  const { parallelism } = site;
  return {
    main,
    sides,
    operator: {
      kind: "source",
      spec: spec as SourceSpec,
      parallelism,
      inputs: [],
      output: schema,
      updating: false,
      sides: new Map([["rejected", rejectedSchema]]),
    },
  };
}

function repeatsName(schema: Schema, site: Site): boolean {
  const names = schema.map((one) => one.name);
  let repeated = false;
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) === index) continue;
    refuse(site, `${site.path}.schema[${index}].name`, show(name), "a name that no column before it has");
    repeated = true;
  }
  return repeated;
}

function isTime(name: string, schema: Schema, site: Site): boolean {
  const column = schema[columnIndex(schema, name)];
  if (column?.type === "timestamp" && !column.nullable) return true;
  const times = schema.filter((one) => one.type === "timestamp" && !one.nullable).map((one) => one.name);
  const hint = times.length === 0 ? "; the schema has none" : `: ${oneOf(times)}`;
  const typed = column && `${show(name)} of type ${column.type}${column.nullable ? ", nullable" : ""}`;
  const expected = `a column of type timestamp that is not nullable${hint}`;
  refuse(site, `${site.path}.eventTime.column`, typed ?? show(name), expected);
  return false;
}
