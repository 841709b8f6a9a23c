// What docs/reference/operators/window.md shows is what its examples give.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Value } from "../../src/batch/record_batch.ts";
import { runGolden } from "../golden/run_golden.ts";
import { openLocalContext } from "../support/local_context.ts";
import { rootPath } from "../../tools/process.ts";

const page = readFileSync(join(rootPath, "docs/reference/operators/window.md"), "utf8");
const blocks = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, "g"))].map((match) => match[1] ?? "");

const visits = (blocks(page, "ndjson")[0] ?? "")
  .trim()
  .split("\n")
  .map((line): Value[] => {
    const visit = JSON.parse(line) as { at: number; page: string; visitor: string | null; seconds: number | null };
    return [BigInt(visit.at), visit.page, visit.visitor, visit.seconds === null ? null : BigInt(visit.seconds)];
  });

/** Lines of the tables in a section, as the golden target writes rows: integers in quotes, f64 not. */
function tablesOf(section: string, floats: ReadonlySet<string>): string[][] {
  return section
    .split("\n\n")
    .filter((one) => one.startsWith("|"))
    .map((table) => {
      const [head = [], , ...rows] = table
        .trim()
        .split("\n")
        .map((line) =>
          line
            .split("|")
            .slice(1, -1)
            .map((cell) => cell.trim()),
        );
      const lines = rows.map((row) => row.map((cell, at) => (floats.has(head[at] ?? "") ? Number(cell) : cell)));
      return lines.map((line) => JSON.stringify(line)).sort();
    });
}

const sections = page.split("\n## ").filter((one) => blocks(one, "json").length > 0);
const sink = (uid: string, input: string) => ({ uid, kind: "sink", input, connector: { kind: "print" } });

test("the page has an example of each kind of window", () => {
  const kinds = sections.map(
    (one) => (JSON.parse(blocks(one, "json")[0] ?? "") as { window: { kind: string } }).window,
  );
  assert.deepEqual(
    kinds.map((one) => one.kind),
    ["tumbling", "hopping", "session"],
  );
});

for (const section of sections) {
  const title = section.split("\n")[0] ?? "";
  test(`the example gives what is shown: ${title}`, async () => {
    const operator = JSON.parse(blocks(section, "json")[0] ?? "") as Record<string, unknown>;
    const [out = []] = tablesOf(section, new Set(JSON.stringify(operator).includes('"avg"') ? ["seconds"] : []));
    const [, late = []] = tablesOf(section, new Set());
    const source = {
      uid: "visits",
      kind: "source",
      connector: { kind: "memory", name: "visits" },
      schema: [
        { name: "at", type: "timestamp" },
        { name: "page", type: "utf8" },
        { name: "visitor", type: "utf8", nullable: true },
        { name: "seconds", type: "i64", nullable: true },
      ],
      eventTime: { column: "at", boundMs: 10 },
    };
    const { context, close } = await openLocalContext();
    const job = {
      name: "window page",
      inputs: { visits: [visits] },
      expected: { out, late },
      spec: { operators: [source, operator, sink("out", "windows"), sink("late", "windows#late")] },
    };
    const found = await runGolden(await context.freshPlatform(), job, { parallelism: 2, batchRows: 3, killed: false });
    await close();
    assert.deepEqual(found, job.expected);
  });
}
