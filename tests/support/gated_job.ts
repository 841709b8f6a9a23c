// A windowed job over rows in memory that reads only as far as the test lets it, so that the test knows what a savepoint,
// a stop or a failure finds.

import { externalError } from "../../src/base/errors.ts";
import { seededPrng } from "../../src/base/prng.ts";
import type { Value } from "../../src/batch/record_batch.ts";
import type { ConnectorFactory } from "../../src/engine/connector_factory.ts";
import { Engine } from "../../src/engine/engine.ts";
import { ProcessFunctions } from "../../src/job/define_process.ts";
import { sinkInput } from "../../src/graph/plan.ts";
import type { Platform } from "../../src/platform/platform.ts";
import { type GoldenSplits, goldenSource, GoldenTarget } from "../golden/connectors.ts";
import { eventually } from "./api_fixture.ts";

export interface Gate {
  /** Rows of each split that may be read. */
  rows: number;
  /** Names of inputs that fail at their next read, once. */
  readonly failing: Set<string>;
  /** How often a split of each input was opened. */
  readonly opened: Map<string, number>;
}

export const openGate = (rows: number): Gate => ({ rows, failing: new Set(), opened: new Map() });

export function drawRows(seed: number, splits: number, rows: number): GoldenSplits {
  const prng = seededPrng(seed);
  return Array.from({ length: splits }, () => {
    let nowMs = prng.below(500);
    return Array.from({ length: rows }, (): readonly Value[] => {
      nowMs += prng.below(20);
      return [BigInt(nowMs - prng.below(200)), `key-${prng.below(60)}`, BigInt(prng.below(1000))];
    });
  });
}

/** One source, one window, one sink, all named after the input. */
export const pipeline = (input: string, more: Readonly<Record<string, unknown>> & { readonly uid?: string } = {}) => [
  {
    uid: input,
    kind: "source",
    connector: { kind: "memory", name: input },
    schema: [
      { name: "at", type: "timestamp" },
      { name: "key", type: "utf8" },
      { name: "amount", type: "i64" },
    ],
    eventTime: { column: "at", boundMs: 300 },
  },
  {
    uid: `${input}_window`,
    kind: "window",
    input,
    keyBy: ["key"],
    window: { kind: "tumbling", sizeMs: 1000 },
    aggregates: { rows: { function: "count" }, sum: { function: "sum", column: "amount" } },
    ...more,
  },
  { uid: `${input}_out`, kind: "sink", input: more.uid ?? `${input}_window`, connector: { kind: "print" } },
];

export const jobOf = (
  parallelism: number,
  inputs: readonly string[],
  more = {},
): Readonly<Record<string, unknown>> => ({
  millrace: 1,
  name: "gated",
  parallelism,
  maxParallelism: 16,
  checkpoint: { intervalMs: 20 },
  restart: { strategy: "fixed_delay", attempts: 20, delayMs: 1 },
  operators: inputs.flatMap((input) => pipeline(input, more)),
});

export interface Gated {
  readonly engine: Engine;
  readonly target: GoldenTarget;
  readonly gate: Gate;
}

/** An engine whose sources stop at the gate; several may share a platform and a target, one after the other. */
export function gatedEngine(
  platform: Platform,
  inputs: Readonly<Record<string, GoldenSplits>>,
  gate: Gate,
  target = new GoldenTarget(),
  functions = new ProcessFunctions(),
): Gated {
  const connectors: ConnectorFactory = {
    source: (node) => {
      const name = node.connector.kind === "memory" ? node.connector.name : "";
      const source = goldenSource(node, inputs[name] ?? [], () => false);
      return {
        ...source,
        open: async (split, position, into) => {
          gate.opened.set(name, (gate.opened.get(name) ?? 0) + 1);
          const reader = await source.open(split, position, into);
          return {
            ...reader,
            read: async (rowsMax) => {
              if (gate.failing.delete(name))
                throw externalError("disturbed", split.id, "the test makes this read fail");
              const left = gate.rows - (reader.position() as number);
              if (left > 0) return await reader.read(Math.min(rowsMax, left));
              return { kind: "idle", retryAfterMs: 2 };
            },
          };
        },
      };
    },
    sink: (node) => target.sink(node.uid, sinkInput(node).schema),
  };
  const engine = new Engine(platform, {
    connectors,
    functions,
    embedded: true,
    task: { batchRows: 32, memoryBudgetBytes: 1 << 26 },
  });
  return { engine, target, gate };
}

/** Waits until the job has read so many rows. */
export const hasRead = (gated: Gated, jobId: string, rows: number): Promise<true> =>
  eventually(gated.engine.platform, `${rows} rows`, async () => {
    return (gated.engine.job(jobId).progress?.counters.rowsIn ?? 0) >= rows || undefined;
  });

export const savepointEnds = (gated: Gated, savepoint: string): Promise<string> =>
  eventually(gated.engine.platform, "the end of the savepoint", async () => {
    const { status } = await gated.engine.savepoints.get(savepoint);
    return status === "IN_PROGRESS" ? undefined : status;
  });
