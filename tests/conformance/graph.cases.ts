// Plans: what a task is told to run, with only the columns that somebody reads.

import { asOperatorUid } from "../../src/base/ids.ts";
import type { JobPlan, ProjectNode, SourceNode, WindowNode } from "../../src/graph/plan.ts";
import { sinksOf } from "../../src/graph/plan.ts";
import { planJob } from "../../src/graph/plan_job.ts";
import type { JobSpec } from "../../src/job/job_spec.ts";
import { validateJobSpec } from "../../src/job/mod.ts";
import { type Case, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";
import { type Flights, flights } from "./job_specs.ts";

const planOf = (input: Flights): JobPlan => {
  const outcome = validateJobSpec(input);
  ok(outcome.kind === "valid", "the spec is valid");
  return planJob(outcome.spec);
};

const namesOf = (schema: readonly { readonly name: string }[]): string[] => schema.map((one) => one.name);
const without = (job: Flights, uid: string): Flights => ({
  ...job,
  operators: job.operators.filter((one) => one["uid"] !== uid),
});

function chainOf(plan: JobPlan): { source: SourceNode; project: ProjectNode; window: WindowNode } {
  const [chain] = plan.chains;
  ok(chain !== undefined && plan.chains.length === 1, "one chain");
  const project = chain.operators.find((one): one is ProjectNode => one.kind === "project");
  const window = chain.operators.find((one): one is WindowNode => one.kind === "window");
  ok(project !== undefined && window !== undefined, "a projection and a window");
  return { source: chain.source, project, window };
}

const order = test("nodes come after what they read, whatever their order in the spec", () => {
  const job = flights();
  const plan = planOf({ ...job, operators: job.operators.toReversed() });
  const seen = new Set<string>();
  for (const node of plan.nodes) {
    if (node.kind !== "source") ok(seen.has(node.from.uid), `${node.uid} comes after ${node.from.uid}`);
    seen.add(node.uid);
  }
  equal(
    plan.chains[0]?.operators.map((one) => one.uid),
    ["only", "shape", "hourly"],
    "operators",
  );
  equal(plan.chains[0]?.sinks.length, 3, "sinks");
});

const narrow = test("columns that nobody reads are neither decoded nor computed", () => {
  const { source, project, window } = chainOf(planOf(without(flights(), "late")));
  equal(namesOf(source.declared), ["date", "origin", "delay", "distance"], "declared");
  equal(namesOf(source.output), ["date", "origin", "delay"], "decoded");
  equal(namesOf(project.output), ["origin", "date", "delay"], "projected");
  equal(namesOf(project.columns), ["origin", "date", "delay"], "expressions");
  equal([window.timeColumn, window.keyColumns, window.lateConnected], [1, [0], false], "positions");
  const departures = { name: "departures", function: "count", column: undefined };
  equal(window.aggregates, [departures, { name: "mean_delay", function: "avg", column: 2 }], "aggregates");
  equal(namesOf(window.output), ["window_start", "window_end", "origin", "departures", "mean_delay"], "window output");
});

const late = test("a late output keeps every column that the window reads from", () => {
  const { source, project, window } = chainOf(planOf(flights()));
  equal(namesOf(source.output), ["date", "origin", "delay", "distance"], "decoded");
  equal(namesOf(project.output), ["origin", "date", "delay", "distance"], "projected");
  ok(window.lateConnected, "the late output is connected");
  const plan = planOf(flights());
  const [chain] = plan.chains;
  ok(chain !== undefined, "a chain");
  const [sink] = sinksOf(chain, asOperatorUid("hourly"), "late");
  equal([sink?.uid, namesOf(sink?.input ?? [])], ["late", ["origin", "date", "delay", "distance"]], "late sink");
});

const rejectedOutput = test("rejected rows have a schema of their own", () => {
  const plan = planOf(flights());
  const sink = plan.nodes.find((one) => one.uid === "bad");
  ok(sink?.kind === "sink", "the sink of rejected rows");
  equal(namesOf(sink.input), ["source", "position", "reason", "raw"], "schema");
  equal(sink.from, { uid: "arrivals", output: "rejected" }, "from");
  ok(chainOf(plan).source.rejectedConnected, "connected");
  ok(!chainOf(planOf(without(flights(), "bad"))).source.rejectedConnected, "not connected");
});

const moved = test("expressions read the narrowed columns", () => {
  const job = without(flights(), "late");
  const columns = {
    origin: { col: "origin" },
    date: { col: "date" },
    delay: { op: "cast", args: [{ col: "distance" }], to: "i64" },
  };
  Object.assign(job.operators[2] as object, { columns });
  Object.assign(job.operators[1] as object, { where: { op: "gt", args: [{ col: "distance" }, 100] } });
  const { source, project, window } = chainOf(planOf(job));
  equal(namesOf(source.output), ["date", "origin", "distance"], "decoded");
  const distance = { kind: "column", index: 2, name: "distance", type: "f64", nullable: false };
  equal(
    project.columns[2]?.expression,
    { kind: "call", op: "cast", args: [distance], type: "i64", nullable: false },
    "cast",
  );
  equal(window.output[4], { name: "mean_delay", type: "f64", nullable: false }, "the mean of what is never null");
});

const renamed =
  test("the event time is followed through renaming, and kept although only the watermark needs it", () => {
    const job = without(flights(), "late");
    const columns = { at: { col: "date" }, origin: { col: "origin" }, delay: { col: "delay" } };
    Object.assign(job.operators[2] as object, { columns });
    const { window } = chainOf(planOf(job));
    equal(namesOf(window.input)[window.timeColumn], "at", "time column");

    const plain = flights();
    const print = { uid: "show", kind: "sink", input: "shape", connector: { kind: "print" } };
    const shape = { uid: "shape", kind: "project", input: "arrivals", columns: { origin: { col: "origin" } } };
    const plan = planOf({ ...plain, operators: [plain.operators[0] as Record<string, unknown>, shape, print] });
    const source = plan.chains[0]?.source;
    equal(
      [namesOf(source?.output ?? []), source?.eventTime],
      [["date", "origin"], { column: 0, boundMs: 3600000 }],
      "source",
    );
  });

const refused = test("a spec that was not validated is refused, not planned", async () => {
  const spec = { ...flights(), operators: [] } as unknown as JobSpec;
  await rejects(() => planJob(spec), "spec_invalid");
});

export const cases: readonly Case[] = [order, narrow, late, rejectedOutput, moved, renamed, refused];
