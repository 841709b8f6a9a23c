// What docs/reference/operators/join.md shows is what its examples give.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Value } from "../../src/batch/record_batch.ts";
import { runGolden } from "../golden/run_golden.ts";
import { openLocalContext } from "../support/local_context.ts";
import { rootPath } from "../../tools/process.ts";

const page = readFileSync(join(rootPath, "docs/reference/operators/join.md"), "utf8");
const blocks = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, "g"))].map((match) => match[1] ?? "");

const valuesOf = (line: string): Value[] =>
  Object.values(JSON.parse(line) as Record<string, number | string | null>).map((one) =>
    typeof one === "number" ? BigInt(one) : one,
  );
const [orders, payments] = blocks(page, "ndjson").map((one) => one.trim().split("\n").map(valuesOf));

/** The rows of the tables in a section, as the golden target writes them. */
const tablesOf = (section: string): string[][] =>
  section
    .split("\n\n")
    .filter((one) => one.startsWith("|"))
    .map((table) => {
      const lines = table.trim().split("\n").slice(2);
      const cells = lines.map((line) => line.split("|").slice(1, -1));
      return cells.map((row) => JSON.stringify(row.map((cell) => cell.trim()))).sort();
    });

const source = (uid: string, time: string, schema: readonly object[]) => ({
  uid,
  kind: "source",
  connector: { kind: "memory", name: uid },
  schema,
  eventTime: { column: time, boundMs: 10 },
});
const sources = [
  source("orders", "at", [
    { name: "at", type: "timestamp" },
    { name: "id", type: "i64", nullable: true },
    { name: "customer", type: "utf8" },
  ]),
  source("payments", "paid_at", [
    { name: "paid_at", type: "timestamp" },
    { name: "order", type: "i64" },
    { name: "amount", type: "i64" },
  ]),
];
const sink = (uid: string, input: string) => ({ uid, kind: "sink", input, connector: { kind: "print" } });

const sections = page.split("\n## ").filter((one) => blocks(one, "json").length > 0);
assert.equal(sections.length, 2);

for (const section of sections) {
  test(`the example gives what is shown: ${section.split("\n")[0]}`, async () => {
    const operator = JSON.parse(blocks(section, "json")[0] ?? "") as Record<string, unknown>;
    const [out = [], left, right] = tablesOf(section);
    const sinks = [sink("out", "pairs")];
    if (left !== undefined) sinks.push(sink("late_left", "pairs#late_left"), sink("late_right", "pairs#late_right"));
    const job = {
      name: "join page",
      inputs: { orders: [orders ?? []], payments: [payments ?? []] },
      expected: { out, ...(left === undefined ? {} : { late_left: left, late_right: right ?? [] }) },
      spec: { operators: [...sources, operator, ...sinks] },
    };
    const { context, close } = await openLocalContext();
    const found = await runGolden(await context.freshPlatform(), job, { parallelism: 2, batchRows: 3, killed: false });
    await close();
    assert.deepEqual(found, job.expected);
  });
}
