// Reads a source to its end as a task does: its splits in turn, all into one region. Where it is told to, it stops
// between two reads, keeps nothing but what a checkpoint would (as JSON), and goes on in a new kernel instance.

import { rowOf, type Value } from "../../src/batch/record_batch.ts";
import type { Schema } from "../../src/batch/schema.ts";
import { asOperatorUid, asSplitId } from "../../src/base/ids.ts";
import type { SourceConnectorSpec } from "../../src/job/job_spec.ts";
import type { PlainData, RejectedRow, SourceConnector, SplitReader } from "../../src/connectors/source.ts";
import type { SourceNode } from "../../src/graph/plan.ts";
import { BatchRegion } from "../../src/kernel/batch_region.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import { ok } from "../expect.ts";

export interface ReadOptions {
  readonly rowsMax: number;
  /** Stops and resumes after every so many reads; never where it is 0. */
  readonly resumeEvery: number;
  /** Told to wait where the source is idle; without it an idle source is an error. */
  readonly onIdle?: (retryAfterMs: number) => void;
}

export interface SplitResult {
  readonly id: string;
  readonly rows: Value[][];
  readonly rejected: RejectedRow[];
}

interface OpenSplit {
  readonly id: string;
  readonly detail: PlainData;
  position: PlainData | undefined;
  finished: boolean;
  readonly result: SplitResult;
}

const MEMORY_BUDGET_BYTES = 64 * 1024 * 1024;

export const sourceNode = (
  connector: SourceConnectorSpec,
  declared: Schema,
  output: Schema = declared,
): SourceNode => ({
  kind: "source",
  uid: asOperatorUid("events"),
  connector,
  declared,
  output,
  eventTime: undefined,
  parallelism: 1,
  inputs: [],
  updating: false,
  sides: new Map(),
});

/** The rows of each split, in order. */
export async function readAll(
  kernels: WebAssembly.Module,
  connector: SourceConnector,
  options: ReadOptions,
): Promise<SplitResult[]> {
  const splits: OpenSplit[] = (await connector.enumerate()).map(({ id, detail }) => ({
    id,
    detail: throughJson(detail),
    position: undefined,
    finished: false,
    result: { id, rows: [], rejected: [] },
  }));
  while (splits.some((one) => !one.finished)) await readSome(kernels, connector, splits, options);
  return splits.map((one) => one.result);
}

/** From one start to the next stop. */
async function readSome(
  kernels: WebAssembly.Module,
  connector: SourceConnector,
  splits: readonly OpenSplit[],
  { rowsMax, resumeEvery, onIdle }: ReadOptions,
): Promise<void> {
  const kernel = new KernelInstance(kernels, MEMORY_BUDGET_BYTES);
  const region = new BatchRegion(kernel, connector.schema);
  const target = { kernel, schema: connector.schema, region };
  const readers = new Map<OpenSplit, SplitReader>();
  for (const one of splits) {
    if (one.finished) continue;
    readers.set(one, await connector.open({ id: asSplitId(one.id), detail: one.detail }, one.position, target));
  }
  for (let reads = 0; readers.size > 0 && (resumeEvery === 0 || reads < resumeEvery); ) {
    for (const [one, reader] of readers) {
      const before = reader.progress();
      const outcome = await reader.read(rowsMax);
      const after = reader.progress();
      ok(
        before === undefined || (after !== undefined && before <= after && after <= 1),
        "progress grows, to 1 at most",
      );
      if (outcome.kind === "idle") {
        ok(onIdle !== undefined && outcome.retryAfterMs > 0, "the source is never idle");
        onIdle(outcome.retryAfterMs);
      } else if (outcome.kind === "rows") {
        take(one.result, region, outcome.rejected, rowsMax);
        reads++;
      }
      if (outcome.kind !== "end") continue;
      one.finished = true;
      one.position = throughJson(reader.position());
      await reader.close();
      readers.delete(one);
    }
  }
  for (const [one, reader] of readers) {
    one.position = throughJson(reader.position());
    await reader.close();
  }
}

function take(result: SplitResult, region: BatchRegion, rejected: readonly RejectedRow[], rowsMax: number): void {
  ok(region.rowCount <= rowsMax, "no more rows than asked for");
  const batch = region.copyOut();
  for (let row = 0; row < batch.rowCount; row++) result.rows.push(rowOf(batch, row));
  result.rejected.push(...rejected);
}

const throughJson = (data: PlainData): PlainData => JSON.parse(JSON.stringify(data)) as PlainData;
