// What docs/reference/operators/updating.md shows is what its examples give.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Value, batchOfRows } from "../../src/batch/record_batch.ts";
import { field } from "../../src/batch/schema.ts";
import { linesWriter } from "../../src/connectors/staged_lines.ts";
import { runGolden } from "../golden/run_golden.ts";
import { openLocalContext } from "../support/local_context.ts";
import { rootPath } from "../../tools/process.ts";

const page = readFileSync(join(rootPath, "docs/reference/operators/updating.md"), "utf8");
const blocks = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, "g"))].map((match) => match[1] ?? "");

const [changelog = "", input = ""] = blocks(page, "ndjson");
const sales = input
  .trim()
  .split("\n")
  .map((line): Value[] => {
    const { region, shop, amount } = JSON.parse(line) as { region: string; shop: string; amount: number | null };
    return [region, shop, amount === null ? null : BigInt(amount)];
  });

/** The rows of the table in a section, as the golden target writes them. */
function tableOf(section: string): string[] {
  const table = section.split("\n\n").find((one) => one.startsWith("|")) ?? "";
  const cells = table
    .trim()
    .split("\n")
    .slice(2)
    .map((line) => line.split("|").slice(1, -1));
  return cells.map((row) => JSON.stringify(row.map((cell) => (cell.trim() === "null" ? null : cell.trim())))).sort();
}

type Operator = Readonly<Record<string, unknown>>;
const source: Operator = {
  uid: "sales",
  kind: "source",
  connector: { kind: "memory", name: "sales" },
  schema: [
    { name: "region", type: "utf8" },
    { name: "shop", type: "utf8" },
    { name: "amount", type: "i64", nullable: true },
  ],
};

const sections = page.split("\n## ").filter((one) => blocks(one, "json").length > 0);

test("the page has an example of each operator", () => {
  assert.deepEqual(
    sections.map((one) => one.split("\n")[0]),
    ["Running aggregates", "Distinct values", "Top-N", "Changes through filters and projections", "Union"],
  );
});

for (const section of sections) {
  test(`the example gives what is shown: ${section.split("\n")[0]}`, async () => {
    const operators = [JSON.parse(blocks(section, "json")[0] ?? "") as Operator | Operator[]].flat();
    const out = { uid: "out", kind: "sink", input: operators.at(-1)?.["uid"], connector: { kind: "print" } };
    const job = {
      name: "updating page",
      inputs: { sales: [sales] },
      expected: { out: tableOf(section) },
      spec: { operators: [source, ...operators, out] },
    };
    assert.ok(job.expected.out.length > 0, "the section shows a table");
    const { context, close } = await openLocalContext();
    const found = await runGolden(await context.freshPlatform(), job, { parallelism: 2, batchRows: 3, killed: false });
    await close();
    assert.deepEqual(found, job.expected);
  });
}

test("a changelog is as shown: netted within a checkpoint, one line a row", () => {
  const writer = linesWriter([field("region", "utf8"), field("sales", "i64"), field("total", "i64")], "a test", true);
  const written = (changes: readonly (readonly [number, bigint, bigint])[]): string => {
    const rows = changes.map(([, count, total]) => ["north", count, total]);
    const weights = Int8Array.from(changes, ([weight]) => weight);
    writer.write({
      ...batchOfRows([field("region", "utf8"), field("sales", "i64"), field("total", "i64")], rows),
      weights,
    });
    return Buffer.concat(writer.stage()).toString();
  };
  const first = written([
    [1, 1n, 7n],
    [-1, 1n, 7n],
    [1, 2n, 12n],
  ]);
  const second = written([
    [-1, 2n, 12n],
    [1, 3n, 15n],
  ]);
  assert.equal(first + second, changelog);
});
