// Plans: what tasks are told to run, with only the columns that somebody reads. Where chains are cut: graph_chains.

import type { JobPlan, ProjectNode, SourceNode, WindowNode } from "../../src/graph/plan.ts";
import { planJob } from "../../src/graph/plan_job.ts";
import type { JobSpec } from "../../src/job/job_spec.ts";
import { type Case, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";
import { orders } from "./job_orders.ts";
import { type Flights, flights } from "./job_specs.ts";
import { namesOf, nodeOf, planOf } from "./plan_views.ts";

const without = (job: Flights, uid: string): Flights => ({
  ...job,
  operators: job.operators.filter((one) => one["uid"] !== uid),
});

const partsOf = (plan: JobPlan): { source: SourceNode; project: ProjectNode; window: WindowNode } => ({
  source: nodeOf(plan, "arrivals", "source"),
  project: nodeOf(plan, "shape", "project"),
  window: nodeOf(plan, "hourly", "window"),
});

const order = test("nodes come after what they read, whatever their order in the spec", () => {
  const job = flights();
  const plan = planOf({ ...job, operators: job.operators.toReversed() });
  const seen = new Set<string>();
  for (const node of plan.nodes) {
    for (const { uid } of node.inputs) ok(seen.has(uid), `${node.uid} comes after ${uid}`);
    seen.add(node.uid);
  }
  equal(plan.chains.length, 1, "one chain");
  equal(plan.chains[0]?.nodes, plan.nodes, "every node is in it");
  equal(plan.edges, [], "edges");
});

const narrow = test("columns that nobody reads are neither decoded nor computed", () => {
  const { source, project, window } = partsOf(planOf(without(flights(), "late")));
  equal(namesOf(source.declared), ["date", "origin", "delay", "distance"], "declared");
  equal(namesOf(source.output), ["date", "origin", "delay"], "decoded");
  equal(namesOf(project.output), ["origin", "date", "delay"], "projected");
  equal(namesOf(project.columns), ["origin", "date", "delay"], "expressions");
  equal([window.timeColumn, window.keyColumns, window.sides.size], [1, [0], 0], "positions");
  const departures = { name: "departures", function: "count", column: undefined };
  equal(window.aggregates, [departures, { name: "mean_delay", function: "avg", column: 2 }], "aggregates");
  equal(namesOf(window.output), ["window_start", "window_end", "origin", "departures", "mean_delay"], "window output");
});

const late = test("a late output keeps every column that its reader wants from the window's input", () => {
  const plan = planOf(flights());
  const { source, project, window } = partsOf(plan);
  equal(namesOf(source.output), ["date", "origin", "delay", "distance"], "decoded");
  equal(namesOf(project.output), ["origin", "date", "delay", "distance"], "projected");
  equal(namesOf(window.sides.get("late") ?? []), ["origin", "date", "delay", "distance"], "late");
  const sink = nodeOf(plan, "late", "sink");
  equal(namesOf(sink.inputs[0]?.schema ?? []), ["origin", "date", "delay", "distance"], "late sink");
});

const rejectedOutput = test("rejected rows have a schema of their own", () => {
  const plan = planOf(flights());
  const [input] = nodeOf(plan, "bad", "sink").inputs;
  equal(namesOf(input?.schema ?? []), ["source", "position", "reason", "raw"], "schema");
  equal([input?.uid, input?.output, input?.edge], ["arrivals", "rejected", undefined], "from");
  equal([...partsOf(plan).source.sides.keys()], ["rejected"], "connected");
  equal(partsOf(planOf(without(flights(), "bad"))).source.sides.size, 0, "not connected");
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
  const { source, project, window } = partsOf(planOf(job));
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
    const { window } = partsOf(planOf(job));
    equal(namesOf(window.inputs[0]?.schema ?? [])[window.timeColumn], "at", "time column");

    const plain = flights();
    const print = { uid: "show", kind: "sink", input: "shape", connector: { kind: "print" } };
    const shape = { uid: "shape", kind: "project", input: "arrivals", columns: { origin: { col: "origin" } } };
    const plan = planOf({ ...plain, operators: [plain.operators[0] as Record<string, unknown>, shape, print] });
    const { output, eventTime } = nodeOf(plan, "arrivals", "source");
    equal(
      [namesOf(output), eventTime],
      [["date", "origin"], { column: 0, boundMs: 3600000, idleTimeoutMs: undefined }],
      "source",
    );
  });

const branches =
  test("an output has the columns that any of its readers wants, a union those that it passes on", () => {
    const job = orders();
    // Without the processes, which may look at everything, nobody reads note and amount.
    const gone = ["alerts", "alerts_out", "odd_out", "match", "match_out"];
    const plan = planOf({ ...job, operators: job.operators.filter((one) => !gone.includes(String(one["uid"]))) });
    equal(namesOf(nodeOf(plan, "orders", "source").output), ["time", "id", "customer"], "orders");
    equal(namesOf(nodeOf(plan, "web", "source").output), ["customer", "id", "time"], "web");
    const all = nodeOf(plan, "all", "union");
    equal(namesOf(all.output), ["time", "id", "customer"], "union");
    equal(
      all.columns,
      [
        [0, 1, 2],
        [2, 1, 0],
      ],
      "positions by input",
    );
    equal(namesOf(nodeOf(plan, "payments", "source").output), ["at", "order_id", "paid", "payer"], "payments");
  });

const nodes = test("joins, aggregates, top-N and processes get positions in their inputs", () => {
  const plan = planOf(orders());
  const paid = nodeOf(plan, "paid", "interval_join");
  equal(
    [paid.keyColumns, paid.timeColumns],
    [
      [[1], [1]],
      [0, 0],
    ],
    "paid",
  );
  equal(paid.columns[3], { name: "payer", input: 1, column: 3 }, "payer");
  equal([...paid.sides.keys()].sort(), ["late_left", "late_right"], "late rows");
  const totals = nodeOf(plan, "totals", "aggregate");
  equal([totals.keyColumns, totals.aggregates[1]?.column, totals.updating], [[1], 2, true], "totals");
  const best = nodeOf(plan, "best", "top_n");
  equal([best.keyColumns, best.orderBy, best.rank], [[1], [{ column: 2, descending: true }], "place"], "best");
  equal(namesOf(best.output), ["customer", "n", "total", "most", "place"], "best, output");
  const match = nodeOf(plan, "match", "process");
  equal([match.functionName, match.keyColumns, match.timeColumns], ["match", [[2], [3]], [0, 0]], "match");
  const alerts = nodeOf(plan, "alerts", "process");
  equal([alerts.params, alerts.states], [{ least: 3 }, { seen: { kind: "map", ttlMs: 1000 } }], "alerts");
  const enriched = nodeOf(plan, "enriched", "join");
  equal([enriched.timeColumns, enriched.updating, enriched.keyColumns], [undefined, true, [[0], [3]]], "enriched");
  equal(nodeOf(plan, "orders", "source").eventTime, { column: 0, boundMs: 1000, idleTimeoutMs: 5000 }, "event time");
});

const unread = test("joined columns that nobody reads are not kept", () => {
  const job = orders();
  const gone = ["best", "best_table", "match", "match_out", "late_right", "enriched", "enriched_table"];
  const operators = job.operators.filter((one) => !gone.includes(String(one["uid"])));
  const paid = nodeOf(planOf({ ...job, operators }), "paid", "interval_join");
  equal(namesOf(paid.output), ["customer", "paid"], "output");
  equal(namesOf(paid.inputs[1]?.schema ?? []), ["at", "order_id", "paid"], "right");
});

const refused = test("a spec that was not validated is refused, not planned", async () => {
  const spec = { ...flights(), operators: [] } as unknown as JobSpec;
  await rejects(() => planJob(spec), "spec_invalid");
});

export const cases: readonly Case[] = [
  order,
  narrow,
  late,
  rejectedOutput,
  moved,
  renamed,
  branches,
  nodes,
  unread,
  refused,
];
