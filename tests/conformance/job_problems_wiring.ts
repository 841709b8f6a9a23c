// Specs whose document, wiring or source is wrong, with the exact texts that their author is shown.

import { at, change, type InvalidSpec } from "./job_specs.ts";

export const documents: readonly InvalidSpec[] = [
  {
    name: "a list is no spec",
    spec: () => [],
    problems: ["the spec: found an empty list, expected a job spec, an object"],
  },
  {
    name: "an empty object lacks everything",
    spec: () => ({}),
    problems: [
      "millrace: found nothing, expected 1, the version of this format",
      "name: found nothing, expected the job's name: letters, digits, ., - and _, beginning with a letter or digit, at most 128 characters",
      "operators: found nothing, expected a list of operators",
    ],
  },
  {
    name: "unknown fields are refused with the nearest known one",
    spec: (job) => ({ ...job, chekpoint: {}, owner: "me" }),
    problems: [
      'chekpoint: found an empty object, expected no such field; known are "millrace", "name", "parallelism", "maxParallelism", "checkpoint", "restart" and "operators"; did you mean "checkpoint"?',
      'owner: found "me", expected no such field; known are "millrace", "name", "parallelism", "maxParallelism", "checkpoint", "restart" and "operators"',
    ],
  },
  {
    name: "the format has a version",
    spec: (job) => ({ ...job, millrace: 2 }),
    problems: ["millrace: found 2, expected 1, the version of this format"],
  },
  {
    name: "a name has no spaces",
    spec: (job) => ({ ...job, name: "my job" }),
    problems: [
      'name: found "my job", expected the job\'s name: letters, digits, ., - and _, beginning with a letter or digit, at most 128 characters',
    ],
  },
  {
    name: "limits hold",
    spec: (job) => ({ ...job, maxParallelism: 0, checkpoint: { intervalMs: 0.5 } }),
    problems: [
      "maxParallelism: found 0, expected a whole number from 1 to 32768",
      "checkpoint.intervalMs: found 0.5, expected a whole number of milliseconds, at least 10",
    ],
  },
  {
    name: "a restart strategy is known",
    spec: (job) => ({ ...job, restart: { strategy: "exponentail" } }),
    problems: [
      'restart.strategy: found "exponentail", expected "none", "fixed_delay", "exponential" or "failure_rate"; did you mean "exponential"?',
    ],
  },
  {
    name: "no strategy, no attempts",
    spec: (job) => ({ ...job, restart: { strategy: "none", attempts: 3 } }),
    problems: ['restart.attempts: found 3, expected no such field; known are "strategy"'],
  },
  {
    name: "delays grow",
    spec: (job) => ({ ...job, restart: { strategy: "exponential", initialMs: 100, maxMs: 10, multiplier: 0.5 } }),
    problems: ["restart.multiplier: found 0.5, expected a number from 1 to 100"],
  },
  {
    name: "the first delay is not above the last",
    spec: (job) => ({ ...job, restart: { strategy: "exponential", initialMs: 100, maxMs: 10 } }),
    problems: ["restart.initialMs: found 100, expected at most maxMs, which is 10"],
  },
  {
    name: "checkpoints have limits",
    spec: (job) => ({ ...job, checkpoint: { timeoutMs: 1, minPauseMs: -1, tolerableFailures: -1, retained: 0 } }),
    problems: [
      "checkpoint.timeoutMs: found 1, expected a whole number of milliseconds, at least 10",
      "checkpoint.minPauseMs: found -1, expected a whole number of milliseconds, at least 0",
      "checkpoint.tolerableFailures: found -1, expected a whole number from 0 to 1000000, or null for any number",
      "checkpoint.retained: found 0, expected a whole number from 1 to 100",
    ],
  },
  {
    name: "no more tasks than key groups",
    spec: (job) => {
      change(3, { parallelism: 5 })(job);
      change(4, { parallelism: 0 })(job);
      return { ...job, parallelism: 8, maxParallelism: 4 };
    },
    problems: [
      "parallelism: found 8, expected at most maxParallelism, which is 4",
      "operators[3].parallelism: found 5, expected at most maxParallelism, which is 4",
      "operators[4].parallelism: found 0, expected a whole number from 1 to 32768",
    ],
  },
  {
    name: "operators are a list",
    spec: (job) => ({ ...job, operators: { arrivals: {} } }),
    problems: ['operators: found an object with "arrivals", expected a list of operators'],
  },
  {
    name: "a job has an operator",
    spec: (job) => ({ ...job, operators: [] }),
    problems: ["operators: found an empty list, expected a list of 1 to 64 operators"],
  },
  {
    name: "a job has at most 64 operators",
    spec: (job) => ({ ...job, operators: Array.from({ length: 65 }, () => ({})) }),
    problems: ["operators: found a list of 65, expected a list of 1 to 64 operators"],
  },
  {
    name: "every problem is reported at once",
    spec: (job) => {
      change(0, { shema: [] })(job);
      change(1, { where: { op: "gt", args: [{ col: "dely" }, 15] } })(job);
      change(3, { window: { kind: "tumbling", sizeMs: -5 }, keyBy: ["orign"] })(job);
      change(4, { connector: { kind: "table", table: "t", primaryKey: [] } })(job);
      return { ...job, operators: [...job.operators, 3, { uid: "next", kind: "windw" }] };
    },
    problems: [
      'operators[0].shema: found an empty list, expected no such field; known are "uid", "parallelism", "kind", "connector", "schema" and "eventTime"; did you mean "schema"?',
      'operators[1].where.args[0].col: found "dely", expected a column of the input: "date", "origin", "delay" or "distance"; did you mean "delay"?',
      "operators[3].window.sizeMs: found -5, expected a whole number of milliseconds, at least 1",
      'operators[3].keyBy[0]: found "orign", expected a column of the input: "origin", "date", "delay" or "distance"; did you mean "origin"?',
      'operators[4].connector.mode: found nothing, expected "upsert" or "append"',
      "operators[7]: found 3, expected an operator, an object with a kind",
      'operators[8].kind: found "windw", expected "source", "filter", "project", "union", "window", "aggregate", "interval_join", "join", "top_n", "process" or "sink"; did you mean "window"?',
    ],
  },
];

export const wirings: readonly InvalidSpec[] = [
  {
    name: "an operator has a uid",
    spec: change(1, { uid: undefined }),
    problems: [
      "operators[1].uid: found nothing, expected an operator's uid: letters, digits, - and _, beginning with a letter, at most 64 characters",
    ],
  },
  {
    name: "a uid is an identifier",
    spec: change(6, { uid: "späte Flüge" }),
    problems: [
      'operators[6].uid: found "späte Flüge", expected an operator\'s uid: letters, digits, - and _, beginning with a letter, at most 64 characters',
    ],
  },
  {
    name: "uids differ, in more than case",
    spec: change(6, { uid: "Late" }),
    problems: ['operators[6].uid: found "Late", expected a uid of its own: operators[5] has it (case does not count)'],
  },
  {
    name: "an operator has an input",
    spec: change(1, { input: undefined }),
    problems: [
      'operators[1].input: found nothing, expected the uid of an operator, or of one of its side outputs, such as "hourly#late"',
    ],
  },
  {
    name: "an input exists",
    spec: change(2, { input: "onyl" }),
    problems: [
      'operators[2].input: found "onyl", expected the uid of an operator: "arrivals", "only" or "hourly"; did you mean "only"?',
    ],
  },
  {
    name: "nothing reads a sink",
    spec: change(6, { input: "table" }),
    problems: ['operators[6].input: found "table", expected an operator with an output; a sink has none'],
  },
  {
    name: "nothing reads itself",
    spec: change(1, { input: "only" }),
    problems: ["operators[1].input: found a cycle: only reads only, expected operators that lead back to a source"],
  },
  {
    name: "cycles through several inputs are refused, each once",
    spec: (job) => {
      const union = (uid: string, ...inputs: string[]) => ({ uid, kind: "union", inputs });
      const more = [union("both", "arrivals", "third"), union("third", "only", "both"), union("own", "only", "own")];
      return { ...job, operators: [...job.operators, ...more] };
    },
    problems: [
      "operators[7].inputs[1]: found a cycle: both reads third reads both, expected operators that lead back to a source",
      "operators[9].inputs[1]: found a cycle: own reads own, expected operators that lead back to a source",
    ],
  },
  {
    name: "a cycle is refused",
    spec: change(1, { input: "shape" }),
    problems: [
      "operators[1].input: found a cycle: only reads shape reads only, expected operators that lead back to a source",
    ],
  },
  {
    name: "a source has no late rows",
    spec: change(5, { input: "arrivals#late" }),
    problems: [
      'operators[5].input: found "arrivals#late", expected "arrivals" or "arrivals#rejected": a source has no other outputs',
    ],
  },
  {
    name: "a filter has no side outputs",
    spec: change(5, { input: "only#late" }),
    problems: ['operators[5].input: found "only#late", expected "only": a filter has no side output'],
  },
  {
    name: "a side output has one name",
    spec: change(5, { input: "hourly#late#more" }),
    problems: [
      'operators[5].input: found "hourly#late#more", expected the uid of an operator: "arrivals", "only", "shape" or "hourly"; did you mean "hourly"?',
    ],
  },
  {
    name: "a job has a source",
    spec: (job) => ({ ...job, operators: [{ uid: "out", kind: "sink", input: "in", connector: { kind: "print" } }] }),
    problems: [
      "operators: found no source, expected an operator of kind source",
      'operators[0].input: found "in", expected the uid of an operator',
    ],
  },
  {
    name: "every source and every branch is read",
    spec: (job) => ({
      ...job,
      operators: [
        ...job.operators,
        { ...at(job, 0), uid: "more" },
        { uid: "other", kind: "filter", input: "arrivals", where: true },
      ],
    }),
    problems: [
      'operators[7]: found nothing that reads "more", expected an operator or a sink that does',
      'operators[8]: found nothing that reads "other", expected an operator or a sink that does',
    ],
  },
  {
    name: "every output is read",
    spec: (job) => ({ ...job, operators: job.operators.filter((one) => one["uid"] !== "table") }),
    problems: ['operators[3]: found nothing that reads "hourly", expected an operator or a sink that does'],
  },
  {
    name: "a kind is known",
    spec: change(1, { kind: "fitler" }),
    problems: [
      'operators[1].kind: found "fitler", expected "source", "filter", "project", "union", "window", "aggregate", "interval_join", "join", "top_n", "process" or "sink"; did you mean "filter"?',
    ],
  },
];

export const sources: readonly InvalidSpec[] = [
  {
    name: "a source has a connector",
    spec: change(0, { connector: undefined }),
    problems: ["operators[0].connector: found nothing, expected a source connector, an object with a kind"],
  },
  {
    name: "a connector is known",
    spec: change(0, { connector: { kind: "ndjson", path: "x" } }),
    problems: [
      'operators[0].connector.kind: found "ndjson", expected "ndjson_file", "parquet_file", "generator" or "log"; did you mean "ndjson_file"?',
    ],
  },
  {
    name: "batches in memory cannot be posted",
    spec: change(0, { connector: { kind: "memory", name: "x" } }),
    problems: [
      'operators[0].connector.kind: found "memory", expected "ndjson_file", "parquet_file", "generator" or "log"',
    ],
  },
  {
    name: "a file source has a path",
    spec: change(0, { connector: { kind: "ndjson_file" } }),
    problems: ["operators[0].connector: found neither path nor paths, expected one of them"],
  },
  {
    name: "a path or paths",
    spec: change(0, { connector: { kind: "parquet_file", path: "a", paths: ["b"] } }),
    problems: ["operators[0].connector: found both path and paths, expected one of them"],
  },
  {
    name: "a path is read once",
    spec: change(0, { connector: { kind: "ndjson_file", paths: ["a", "a"] } }),
    problems: ["operators[0].connector.paths: found a path twice, expected each path once"],
  },
  {
    name: "a file has a split",
    spec: change(0, { connector: { kind: "ndjson_file", path: "a", splits: 0 } }),
    problems: ["operators[0].connector.splits: found 0, expected a whole number from 1 to 1024"],
  },
  {
    name: "a generator has a seed",
    spec: change(0, { connector: { kind: "generator", rows: -1 } }),
    problems: [
      "operators[0].connector.seed: found nothing, expected a whole number from 0 to 4294967295",
      "operators[0].connector.rows: found -1, expected a whole number from 1 to 9007199254740991",
    ],
  },
  {
    name: "a log has a name",
    spec: change(0, { connector: { kind: "log", name: "../etc", format: "csv" } }),
    problems: [
      'operators[0].connector.name: found "../etc", expected a log\'s name: letters, digits, ., - and _, beginning with a letter or digit, at most 128 characters',
      'operators[0].connector.format: found "csv", expected "json"',
    ],
  },
  {
    name: "a schema has columns",
    spec: change(0, { schema: [] }),
    problems: ["operators[0].schema: found an empty list, expected a list of 1 to 64 columns"],
  },
  {
    name: "columns have names and types",
    spec: change(0, {
      schema: [{ name: "__proto__", type: "utf8" }, { name: "a b", type: "int" }, { name: "c" }, "d"],
    }),
    problems: [
      'operators[0].schema[0].name: found "__proto__", expected a column name: letters, digits and _, not beginning with a digit or __, at most 64 characters',
      'operators[0].schema[1].name: found "a b", expected a column name: letters, digits and _, not beginning with a digit or __, at most 64 characters',
      'operators[0].schema[1].type: found "int", expected "i64", "f64", "bool", "utf8" or "timestamp"',
      'operators[0].schema[2].type: found nothing, expected "i64", "f64", "bool", "utf8" or "timestamp"',
      'operators[0].schema[3]: found "d", expected a column: an object with name and type',
    ],
  },
  {
    name: "column names differ",
    spec: change(0, {
      schema: [
        { name: "date", type: "timestamp" },
        { name: "date", type: "utf8" },
      ],
    }),
    problems: ['operators[0].schema[1].name: found "date", expected a name that no column before it has'],
  },
  {
    name: "the event time is a column",
    spec: change(0, { eventTime: { column: "time", boundMs: 0 } }),
    problems: [
      'operators[0].eventTime.column: found "time", expected a column of type timestamp that is not nullable: "date"',
    ],
  },
  {
    name: "the event time is a timestamp",
    spec: change(0, { eventTime: { column: "delay", boundMs: 0 } }),
    problems: [
      'operators[0].eventTime.column: found "delay" of type i64, nullable, expected a column of type timestamp that is not nullable: "date"',
    ],
  },
  {
    name: "a bound is not negative",
    spec: change(0, { eventTime: { column: "date", boundMs: -1 } }),
    problems: ["operators[0].eventTime.boundMs: found -1, expected a whole number of milliseconds, at least 0"],
  },
];
