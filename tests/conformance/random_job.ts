// Random jobs for the tests of planning: operators of every kind over random earlier outputs, at random parallelism.
// Every stream has a column `k` (i64, never null); an operator that makes the job invalid is taken out again.

import { type Prng, seededPrng } from "../../src/base/prng.ts";
import { validateJobSpec } from "../../src/job/mod.ts";

type Json = Record<string, unknown>;

export interface RandomJob {
  readonly spec: Json;
  /** Uids of operators whose rows are taken back, as far as the generator knows. */
  readonly updating: ReadonlySet<string>;
}

interface Proposal {
  readonly operator: Json;
  readonly inputs: readonly string[];
  readonly sides: readonly string[];
}

const field = (name: string, type: string) => ({ name, type });
const count = { function: "count" };
const sum = { function: "sum", column: "v" };

export function randomJob(seed: number): RandomJob {
  const random = seededPrng(seed);
  const operators: Json[] = [];
  const streams: string[] = [];
  const updating = new Set<string>();
  const job = (): Json => ({
    millrace: 1,
    name: "random",
    parallelism: 1 + (seed % 3),
    operators: [...operators, ...sinksFor(operators, updating, seed)],
  });
  for (let index = 0; index < 1 + random.below(3); index++) {
    operators.push(sourceNamed(`source${index}`, random));
    streams.push(`source${index}`, `source${index}#rejected`);
  }
  for (let index = 0; index < 12; index++) {
    const { operator, inputs, sides } = propose(`op${index}`, streams, random);
    if (random.chance(0.4)) operator["parallelism"] = 1 + random.below(3);
    const corrects = ["aggregate", "top_n"].includes(String(operator["kind"]));
    const passes = ["filter", "project", "union", "join"].includes(String(operator["kind"]));
    const updates = corrects || (passes && inputs.some((one) => updating.has(one)));
    operators.push(operator);
    if (updates) updating.add(`op${index}`);
    if (validateJobSpec(job(), { functions: "any" }).kind === "valid") {
      streams.push(`op${index}`, ...sides.map((side) => `op${index}#${side}`));
      continue;
    }
    operators.pop();
    updating.delete(`op${index}`);
  }
  return { spec: job(), updating };
}

const sourceNamed = (uid: string, random: Prng): Json => ({
  uid,
  kind: "source",
  connector: { kind: "log", name: uid },
  schema: [field("time", "timestamp"), field("k", "i64"), field("s", "utf8"), field("v", "f64")],
  ...(random.chance(0.8) ? { eventTime: { column: "time", boundMs: 5 } } : {}),
  ...(random.chance(0.4) ? { parallelism: 1 + random.below(3) } : {}),
});

function propose(uid: string, streams: readonly string[], random: Prng): Proposal {
  const pick = (): string => random.pick(streams);
  const input = pick();
  const single = (fields: Json, ...sides: string[]): Proposal => ({
    operator: { uid, input, ...fields },
    inputs: [input],
    sides,
  });
  const keyBy = random.pick([["k"], ["s"], ["k", "s"]]);
  const aggregates = { v: sum, ...(keyBy.includes("k") ? { n: count } : { k: count }) };
  switch (random.below(10)) {
    case 0:
      return single({ kind: "filter", where: { op: "gt", args: [{ col: "k" }, 3] } });
    case 1:
      return single({ kind: "project", columns: { s: { col: "s" }, k: { col: "k" }, v: { col: "v" } } });
    case 2:
      return single({
        kind: "project",
        columns: { time: { col: "time" }, k: { col: "k" }, s: { col: "s" }, v: { col: "v" } },
      });
    case 3: {
      const inputs = [input, pick()];
      return { operator: { uid, kind: "union", inputs }, inputs, sides: [] };
    }
    case 4:
      return single({ kind: "window", keyBy, aggregates, window: { kind: "session", gapMs: 5 } }, "late");
    case 5:
      return single({ kind: "aggregate", keyBy, aggregates });
    case 6:
      return single({ kind: "top_n", keyBy: ["k"], orderBy: [{ column: "v" }], limit: 2 });
    case 7:
      return single(
        { kind: "process", keyBy, function: "f", columns: [field("k", "i64")], outputs: { side: [field("k", "i64")] } },
        "side",
      );
    default:
      return proposeJoin(uid, input, pick(), random);
  }
}

function proposeJoin(uid: string, left: string, right: string, random: Prng): Proposal {
  const columns = { k: "left.k", ...(random.chance(0.5) ? { s: "right.s", v: "left.v" } : {}) };
  const on = [
    random.pick([
      { left: "k", right: "k" },
      { left: "s", right: "s" },
    ]),
  ];
  const interval = random.chance(0.5);
  const how = interval ? { kind: "interval_join", lowerMs: 0, upperMs: 9 } : { kind: "join", ttlMs: 9 };
  const sides = interval ? ["late_left", "late_right"] : [];
  return { operator: { uid, ...how, left, right, on, columns }, inputs: [left, right], sides };
}

/** A sink for whatever nobody reads, and for every second of the others. */
function sinksFor(operators: readonly Json[], updating: ReadonlySet<string>, seed: number): Json[] {
  const read = new Set(operators.flatMap((one) => [one["input"], one["left"], one["right"], ...inputsOf(one)]));
  return operators.flatMap(({ uid }, index) => {
    if (read.has(uid) && (index + seed) % 2 === 0) return [];
    const upsert = { kind: "table", table: "t", mode: "upsert", primaryKey: ["k"] };
    const connector = updating.has(String(uid)) || (index + seed) % 3 === 0 ? upsert : { kind: "print" };
    return [{ uid: `${String(uid)}_out`, kind: "sink", input: uid, connector }];
  });
}

const inputsOf = (one: Json): readonly unknown[] => (Array.isArray(one["inputs"]) ? one["inputs"] : []);
