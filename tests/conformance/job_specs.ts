// A valid spec and ways to spoil it, for the tests of validation.

type Json = Record<string, unknown>;

export interface InvalidSpec {
  readonly name: string;
  /** Makes the spec from a valid one, which it may change. */
  readonly spec: (job: Flights) => unknown;
  readonly problems: readonly string[];
}

export interface Flights {
  [field: string]: unknown;
  operators: Json[];
}

/** Positions: 0 arrivals, 1 only, 2 shape, 3 hourly, 4 table, 5 late, 6 bad. */
export const flights = (): Flights => ({
  millrace: 1,
  name: "flights",
  operators: [
    {
      uid: "arrivals",
      kind: "source",
      connector: { kind: "ndjson_file", path: "flights.ndjson" },
      schema: [
        { name: "date", type: "timestamp" },
        { name: "origin", type: "utf8" },
        { name: "delay", type: "i64", nullable: true },
        { name: "distance", type: "f64" },
      ],
      eventTime: { column: "date", boundMs: 3600000 },
    },
    { uid: "only", kind: "filter", input: "arrivals", where: { op: "gt", args: [{ col: "delay" }, 15] } },
    {
      uid: "shape",
      kind: "project",
      input: "only",
      columns: {
        origin: { col: "origin" },
        date: { col: "date" },
        delay: { col: "delay" },
        distance: { col: "distance" },
      },
    },
    {
      uid: "hourly",
      kind: "window",
      input: "shape",
      keyBy: ["origin"],
      window: { kind: "tumbling", sizeMs: 3600000 },
      aggregates: { departures: { function: "count" }, mean_delay: { function: "avg", column: "delay" } },
    },
    {
      uid: "table",
      kind: "sink",
      input: "hourly",
      connector: { kind: "table", table: "hourly_delays", mode: "upsert", primaryKey: ["origin", "window_start"] },
    },
    { uid: "late", kind: "sink", input: "hourly#late", connector: { kind: "ndjson_files", directory: "late" } },
    { uid: "bad", kind: "sink", input: "arrivals#rejected", connector: { kind: "ndjson_files", directory: "bad" } },
  ],
});

export const at = (job: Flights, position: number): Json => job.operators[position] as Json;

/** The job with other fields in one operator; undefined removes a field. */
export const change =
  (position: number, fields: Json) =>
  (job: Flights): Flights => {
    for (const [name, value] of Object.entries(fields)) {
      if (value === undefined) delete at(job, position)[name];
      else at(job, position)[name] = value;
    }
    return job;
  };

export const where = (expression: unknown) => change(1, { where: expression });
export const nested = (levels: number): unknown => {
  let expression: unknown = { col: "delay" };
  for (let level = 0; level < levels; level++) expression = { op: "neg", args: [expression] };
  return { op: "eq", args: [expression, 1] };
};
