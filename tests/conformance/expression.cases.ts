// Expressions on every runtime: the kernels give what the plain twin gives, row for row and failure for failure.

import { seededPrng } from "../../src/base/prng.ts";
import { batchOfRows, type RecordBatch, rowOf, type Value } from "../../src/batch/record_batch.ts";
import { type DataType, field, type Schema } from "../../src/batch/schema.ts";
import { checkExpression } from "../../src/expression/check_expression.ts";
import type { ExpressionSpec } from "../../src/expression/expression_spec.ts";
import { FilterKernel } from "../../src/expression/filter_kernel.ts";
import { type Problem, problemText } from "../../src/expression/problem.ts";
import { ProjectKernel } from "../../src/expression/project_kernel.ts";
import type { TypedExpression } from "../../src/expression/typed_expression.ts";
import { BatchRegion } from "../../src/kernel/batch_region.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import { BATCH_WEIGHTS } from "../../kernels/abi.ts";
import { type Case, type TestContext, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";
import { evaluate, TwinFailure } from "../twins/expression_evaluate.ts";
import { randomExpression, randomRows, randomSchema } from "../twins/expression_generator.ts";

const BUDGET_BYTES = 32 * 1024 * 1024;
const ROW_COUNTS = [0, 1, 2, 7, 8, 9, 63, 64, 65, 100, 511, 512, 513, 1024, 1100];

const typed = (spec: ExpressionSpec, schema: Schema): TypedExpression => {
  const problems: Problem[] = [];
  const checked = checkExpression(spec, schema, "expression", problems);
  ok(
    checked !== undefined,
    `the expression is well typed: ${problems.map(problemText).join("; ")} in ${JSON.stringify(spec)}`,
  );
  return checked;
};

const kernelOf = (context: TestContext): KernelInstance => new KernelInstance(context.kernels, BUDGET_BYTES);

const regionOf = (kernel: KernelInstance, batch: RecordBatch, capacity = Math.max(1, batch.rowCount)): BatchRegion => {
  const region = new BatchRegion(kernel, batch.schema, capacity);
  region.load(batch);
  return region;
};

const rowsOf = (batch: RecordBatch): Value[][] => Array.from({ length: batch.rowCount }, (_, row) => rowOf(batch, row));

type Outcome = { readonly rows: Value[][] } | { readonly code: string; readonly row: number };

/** The failure of the first row that fails, or all rows. */
function twinOutcome(rows: readonly Value[][], each: (row: Value[]) => Value[] | undefined): Outcome {
  const results: Value[][] = [];
  for (const [index, row] of rows.entries()) {
    try {
      const result = each(row);
      if (result !== undefined) results.push(result);
    } catch (error) {
      if (error instanceof TwinFailure) return { code: error.code, row: index };
      throw error;
    }
  }
  return { rows: results };
}

function kernelOutcome(run: () => RecordBatch): Outcome {
  try {
    return { rows: rowsOf(run()) };
  } catch (error) {
    const { code, where } = error as { code?: string; where?: string };
    const row = /row (\d+) of the batch/.exec(where ?? "")?.[1];
    if (code === undefined || row === undefined) throw error;
    return { code, row: Number(row) };
  }
}

/** One random batch through one random projection and one random filter; says whether anything failed. */
function compareOnce(kernel: KernelInstance, seed: number): boolean {
  const prng = seededPrng(seed);
  const schema = randomSchema(prng);
  const rows = randomRows(schema, prng.pick(ROW_COUNTS), prng);
  const batch = batchOfRows(schema, rows);
  const wanted = Array.from({ length: 1 + prng.below(3) }, () =>
    prng.pick<DataType>(["i64", "f64", "bool", "utf8", "timestamp"]),
  );
  const specs = wanted.map((type) => randomExpression(type, schema, 1 + prng.below(5), prng));
  const columns = specs.map((spec, index) => ({ name: `r${index}`, expression: typed(spec, schema) }));
  const projectInput = regionOf(kernel, batch);
  const project = new ProjectKernel(kernel, projectInput, columns);
  const projected = kernelOutcome(() => {
    project.apply();
    return project.output.copyOut();
  });
  const twin = twinOutcome(rows, (row) => columns.map((one) => evaluate(one.expression, row)));
  equal(projected, twin, `seed ${seed}, project ${JSON.stringify(specs)}`);
  project.free();
  projectInput.free();

  const where = randomExpression("bool", schema, 1 + prng.below(5), prng);
  const condition = typed(where, schema);
  const filterInput = regionOf(kernel, batch);
  const filter = new FilterKernel(kernel, filterInput, condition);
  const filtered = kernelOutcome(() => {
    const kept = filter.apply();
    equal(kept, filterInput.rowCount, "rows kept");
    return filterInput.copyOut();
  });
  equal(
    filtered,
    twinOutcome(rows, (row) => (evaluate(condition, row) === true ? row : undefined)),
    `seed ${seed}, filter ${JSON.stringify(where)}`,
  );
  filter.free();
  filterInput.free();
  return "code" in projected || "code" in filtered;
}

const property =
  test("random expressions over random batches give what the plain twin gives, failures included", (context) => {
    const kernel = kernelOf(context);
    const used = kernel.heapUsedBytes;
    let failures = 0;
    for (let seed = 1; seed <= 400; seed++) if (compareOnce(kernel, seed)) failures++;
    ok(failures > 20 && failures < 200, `both outcomes are covered: ${failures} of 400 runs failed`);
    equal(kernel.heapUsedBytes, used, "memory in use after everything was freed");
  });

/** The one result of an expression over one row. */
function resultOf(context: TestContext, spec: ExpressionSpec, schema: Schema = [], row: Value[] = []): Value {
  const kernel = kernelOf(context);
  const project = new ProjectKernel(
    kernel,
    regionOf(kernel, batchOfRows(schema, [row])),
    [{ name: "r", expression: typed(spec, schema) }],
    "shape",
  );
  project.apply();
  return rowOf(project.output.copyOut(), 0)[0] as Value;
}

const MAX = { i64: "9223372036854775807" };
const MIN = { i64: "-9223372036854775808" };
const NULL_BOOL: ExpressionSpec = { op: "eq", args: [{ op: "cast", args: [null], to: "i64" }, 0] };
const by = (op: "and" | "or", ...args: ExpressionSpec[]): ExpressionSpec => ({ op, args });

const threeValues = test("logic has SQL's three values", (context) => {
  const values: [ExpressionSpec, Value][] = [
    [true, true],
    [false, false],
    [NULL_BOOL, null],
  ];
  for (const [left, a] of values) {
    for (const [right, b] of values) {
      const and = a === false || b === false ? false : a === null || b === null ? null : true;
      const or = a === true || b === true ? true : a === null || b === null ? null : false;
      equal(resultOf(context, by("and", left, right)), and, `${a} and ${b}`);
      equal(resultOf(context, by("or", left, right)), or, `${a} or ${b}`);
    }
  }
  equal(resultOf(context, { op: "not", args: [NULL_BOOL] }), null, "not null");
  equal(resultOf(context, { op: "if", args: [NULL_BOOL, 1, 2] }), 2n, "a null condition takes the second branch");
});

const edges = test("numbers at their limits are exact", (context) => {
  const cases: [ExpressionSpec, Value][] = [
    [{ op: "sub", args: [MAX, MAX] }, 0n],
    [{ op: "add", args: [MIN, MAX] }, -1n],
    [{ op: "div", args: [-7, 2] }, -3n],
    [{ op: "mod", args: [-7, 2] }, -1n],
    [{ op: "mod", args: [MIN, -1] }, 0n],
    [{ op: "mul", args: [MIN, 1] }, -(2n ** 63n)],
    [{ op: "add", args: [{ i64: "9007199254740993" }, 0] }, 9007199254740993n],
    [{ op: "div", args: [1.5, 0] }, Infinity],
    [{ op: "div", args: [{ f64: 0 }, { f64: 0 }] }, Number.NaN],
    [{ op: "neg", args: [{ f64: 0 }] }, -0],
    [{ op: "eq", args: [{ f64: "NaN" }, { f64: "NaN" }] }, false],
    [{ op: "ne", args: [{ f64: "NaN" }, { f64: "NaN" }] }, true],
    [{ op: "eq", args: [{ f64: "-0" }, { f64: 0 }] }, true],
    [{ op: "mod", args: [5.5, -2.5] }, 0.5],
    [{ op: "add", args: [1, 0.5] }, 1.5],
    [{ op: "cast", args: [-1.9], to: "i64" }, -1n],
    [{ op: "cast", args: [true], to: "f64" }, 1],
    [{ op: "length", args: ["naïve 𝄞"] }, 7n],
    [{ op: "lt", args: ["\uffff", "𝄞"] }, true],
    [{ op: "sub", args: [{ timestamp: "2001-01-02T00:00:00Z" }, { timestamp: "2001-01-01" }] }, 86_400_000n],
    [{ op: "add", args: [{ timestamp: 1 }, 1] }, 2n],
  ];
  for (const [spec, value] of cases) equal(resultOf(context, spec), value, JSON.stringify(spec));
});

const schema = [field("delay", "i64", true), field("distance", "i64")];
const delay = { col: "delay" };
const distance = { col: "distance" };

const failures =
  test("a row that overflows or divides by zero fails with the operator, the row and its values", async (context) => {
    const overflow = await rejects(
      () => resultOf(context, { op: "mul", args: [delay, 60] }, schema, [2n ** 62n, 1n]),
      "integer_overflow",
    );
    equal(overflow.where, "operator shape, row 0 of the batch", "where");
    ok(
      overflow.message.startsWith("delay * 60 with delay = 4611686018427387904 is no 64-bit integer"),
      overflow.message,
    );
    const division = await rejects(
      () => resultOf(context, { op: "div", args: [delay, distance] }, schema, [1n, 0n]),
      "division_by_zero",
    );
    ok(division.message.startsWith("delay / distance with delay = 1, distance = 0 divides by zero"), division.message);
    for (const spec of [
      { op: "div", args: [MIN, -1] },
      { op: "neg", args: [MIN] },
      { op: "mul", args: [MIN, -1] },
      { op: "sub", args: [MIN, 1] },
      { op: "cast", args: [{ f64: "NaN" }], to: "i64" },
      { op: "cast", args: [{ f64: 2 ** 63 }], to: "i64" },
    ] as const) {
      await rejects(() => resultOf(context, spec), "integer_overflow", JSON.stringify(spec));
    }
  });

const guards = test("a branch that is not taken cannot fail, one that is can", async (context) => {
  const ratio: ExpressionSpec = { op: "div", args: [delay, distance] };
  const isZero: ExpressionSpec = { op: "eq", args: [distance, 0] };
  const row = [7n, 0n];
  equal(resultOf(context, { op: "if", args: [isZero, -1, ratio] }, schema, row), -1n, "if");
  equal(resultOf(context, { op: "coalesce", args: [delay, ratio] }, schema, row), 7n, "coalesce");
  const positive: ExpressionSpec = { op: "gt", args: [ratio, 0] };
  equal(resultOf(context, by("and", { op: "not", args: [isZero] }, positive), schema, row), false, "and");
  equal(resultOf(context, by("or", isZero, positive), schema, row), true, "or");
  equal(resultOf(context, { op: "div", args: [delay, distance] }, schema, [null, 0n]), null, "a null argument");
  const nullCondition: ExpressionSpec = { op: "eq", args: [delay, 0] };
  const otherwise: ExpressionSpec = { op: "div", args: [1, distance] };
  const taken = () => resultOf(context, { op: "if", args: [nullCondition, 1, otherwise] }, schema, [null, 0n]);
  await rejects(taken, "division_by_zero", "the branch of a null condition");
});

const unchanged = test("a filter that fails leaves its batch as it was", async (context) => {
  const kernel = kernelOf(context);
  const rows: Value[][] = [
    [1n, 5n],
    [2n, 0n],
    [3n, 5n],
  ];
  const region = regionOf(kernel, batchOfRows(schema, rows));
  const where = typed({ op: "gt", args: [{ op: "div", args: [delay, distance] }, 0] }, schema);
  const filter = new FilterKernel(kernel, region, where, "only");
  const error = await rejects(() => filter.apply(), "division_by_zero");
  equal(error.where, "operator only, row 1 of the batch", "where");
  equal(rowsOf(region.copyOut()), rows, "rows");
});

const carried = test("watermarks and weights stay with their rows through filter and project", (context) => {
  const kernel = kernelOf(context);
  const count = 1000;
  const rows: Value[][] = Array.from({ length: count }, (_, row) => [row % 3 === 0 ? null : BigInt(row), 1n]);
  const region = regionOf(kernel, batchOfRows(schema, rows));
  const weights = kernel.allocate(count);
  kernel.writeU32(region.address + BATCH_WEIGHTS, weights);
  for (let row = 0; row < count; row++) {
    region.watermarks()[row] = BigInt(row * 10);
    kernel.bytes()[weights + row] = row & 0x7f;
  }
  const project = new ProjectKernel(kernel, region, [{ name: "delay", expression: typed(delay, schema) }]);
  project.apply();
  const where = typed({ op: "ge", args: [delay, 10] }, project.output.schema);
  const kept = new FilterKernel(kernel, project.output, where).apply();
  const wanted = [...rows.keys()].filter((row) => row % 3 !== 0 && row >= 10);
  equal(kept, wanted.length, "rows kept");
  equal(
    [...project.output.watermarks().subarray(0, kept)],
    wanted.map((row) => BigInt(row * 10)),
    "watermarks",
  );
  const at = kernel.readU32(project.output.address + BATCH_WEIGHTS);
  equal(
    [...kernel.bytes().subarray(at, at + kept)],
    wanted.map((row) => row & 0x7f),
    "weights",
  );
});

const reuse = test("kernels are reused: validity of one batch does not leak into the next", (context) => {
  const kernel = kernelOf(context);
  const region = new BatchRegion(kernel, schema, 1100);
  const project = new ProjectKernel(kernel, region, [
    { name: "a", expression: typed({ op: "add", args: [delay, 1] }, schema) },
    { name: "d", expression: typed(delay, schema) },
  ]);
  for (const [count, hole] of [
    [1100, 1050],
    [1100, -1],
    [3, 1],
    [600, 0],
    [0, -1],
  ] as const) {
    const rows: Value[][] = Array.from({ length: count }, (_, row) => [row === hole ? null : BigInt(row), 0n]);
    region.load(batchOfRows(schema, rows));
    project.apply();
    equal(
      rowsOf(project.output.copyOut()),
      rows.map(([a]) => [a === null ? null : (a as bigint) + 1n, a]),
      `hole at ${hole} of ${count}`,
    );
  }
});

const canonical = test("equal results are equal bytes: nulls are zero and there is one NaN", (context) => {
  const kernel = kernelOf(context);
  const floats = [field("x", "f64", true)];
  const region = regionOf(kernel, batchOfRows(floats, [[Infinity], [null], [0]]));
  const x = { col: "x" };
  const difference = typed(
    {
      op: "mul",
      args: [
        { op: "sub", args: [x, x] },
        { op: "div", args: [x, x] },
      ],
    },
    floats,
  );
  const project = new ProjectKernel(kernel, region, [{ name: "x", expression: difference }]);
  project.apply();
  const bits = new BigUint64Array(kernel.buffer, project.output.dataAddress(0), 3);
  equal([...bits], [0x7ff8000000000000n, 0n, 0x7ff8000000000000n], "bits");
});

export const cases: readonly Case[] = [
  property,
  threeValues,
  edges,
  failures,
  guards,
  unchanged,
  carried,
  reuse,
  canonical,
];
