// Jobs cut over several tasks: the result is that of one task, whatever the parallelism, the batches and the failures.

import { seededPrng } from "../../src/base/prng.ts";
import type { Value } from "../../src/batch/record_batch.ts";
import { type Case, test } from "../case.ts";
import { equal } from "../expect.ts";
import type { GoldenSplits } from "../golden/connectors.ts";
import { type GoldenJob, type GoldenRun, runGolden } from "../golden/run_golden.ts";

const SIZE_MS = 1000;
const BOUND_MS = 300;

function drawSplits(seed: number, splits: number, rows: number): GoldenSplits {
  const prng = seededPrng(seed);
  return Array.from({ length: splits }, () => {
    let nowMs = prng.below(500);
    return Array.from({ length: rows }, (): readonly Value[] => {
      nowMs += prng.below(20);
      const atMs = nowMs - (prng.chance(0.1) ? prng.below(2000) : prng.below(200));
      const key = `key-${prng.below(50)}${prng.chance(0.1) ? " with a name that is longer than a view" : ""}`;
      return [BigInt(atMs), prng.chance(0.02) ? null : key, BigInt(prng.below(1000) - 500)];
    });
  });
}

/** Windows and late rows by hand. */
function expectedOf(splits: GoldenSplits): { windows: string[]; late: string[] } {
  const panes = new Map<string, [bigint, bigint]>();
  const late: string[] = [];
  for (const rows of splits) {
    let highest = -(2n ** 60n);
    for (const row of rows) {
      const [at, key, amount] = row as readonly [bigint, string | null, bigint];
      const start = at - (((at % 1000n) + 1000n) % 1000n);
      if (start + BigInt(SIZE_MS) <= highest - BigInt(BOUND_MS)) {
        late.push(JSON.stringify([`${at}`, key, `${amount}`]));
      } else {
        const name = JSON.stringify([`${start}`, `${start + BigInt(SIZE_MS)}`, key]);
        const [count, sum] = panes.get(name) ?? [0n, 0n];
        panes.set(name, [count + 1n, sum + amount]);
      }
      if (at > highest) highest = at;
    }
  }
  const windows = [...panes].map(([name, [count, sum]]) =>
    JSON.stringify([...(JSON.parse(name) as unknown[]), `${count}`, `${sum}`]),
  );
  return { windows: windows.sort(), late: late.sort() };
}

function windowJob(seed: number, splits: number, rows: number): GoldenJob {
  const input = drawSplits(seed, splits, rows);
  const expected = expectedOf(input);
  return {
    name: "windows over tasks",
    inputs: { events: input },
    expected: { out: expected.windows, late: expected.late },
    spec: {
      operators: [
        {
          uid: "events",
          kind: "source",
          connector: { kind: "memory", name: "events" },
          schema: [
            { name: "at", type: "timestamp" },
            { name: "key", type: "utf8", nullable: true },
            { name: "amount", type: "i64" },
          ],
          eventTime: { column: "at", boundMs: BOUND_MS },
        },
        {
          uid: "window",
          kind: "window",
          input: "events",
          keyBy: ["key"],
          window: { kind: "tumbling", sizeMs: SIZE_MS },
          aggregates: { rows: { function: "count" }, sum: { function: "sum", column: "amount" } },
        },
        { uid: "out", kind: "sink", input: "window", connector: { kind: "print" } },
        { uid: "late", kind: "sink", input: "window#late", connector: { kind: "print" } },
      ],
    },
  };
}

const runs: readonly GoldenRun[] = [
  { parallelism: 1, batchRows: 4096, killed: false },
  { parallelism: 2, batchRows: 64, killed: false },
  { parallelism: 7, batchRows: 7, killed: false },
  { parallelism: 2, batchRows: 7, killed: true },
  { parallelism: 3, batchRows: 1, killed: true },
];

export const cases: readonly Case[] = runs.map((run) => {
  const { parallelism, batchRows, killed } = run;
  const how = `${parallelism} tasks a chain, ${batchRows} rows a batch, ${killed ? "killed" : "undisturbed"}`;
  return test(`windows and late rows are those of the data alone: ${how}`, async (context) => {
    const job = windowJob(parallelism, 5, 400);
    equal(await runGolden(await context.freshPlatform(), job, run), job.expected);
  });
});
