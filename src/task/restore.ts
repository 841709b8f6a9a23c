// Bringing state back from parts, into a live operator or into a temporary one that merges parts.

import { corruptionError } from "../base/errors.ts";
import type { OperatorUid } from "../base/ids.ts";
import { decodePart } from "../checkpoint/part_batches.ts";
import { readPart } from "../checkpoint/parts.ts";
import type { RecordBatch } from "../batch/record_batch.ts";
import type { Schema } from "../batch/schema.ts";
import type { ChainPlan } from "../graph/plan.ts";
import { BatchRegion } from "../kernel/batch_region.ts";
import { KernelInstance } from "../kernel/instance.ts";
import type { StatefulOperator } from "../operators/operator.ts";
import { WindowOperator } from "../operators/window.ts";
import type { Platform } from "../platform/platform.ts";
import type { OperatorSnapshot, PartRef } from "../protocol/snapshot.ts";
import { WindowTable } from "../state/window_table.ts";
import { windowTableConfig } from "./chain.ts";
import { type StatePart, statePart } from "./state_part.ts";

/** Reads one part and checks that its batches are of the operator's own schema. */
async function restorePart(platform: Platform, operator: StatefulOperator, part: PartRef): Promise<void> {
  const bytes = await readPart(platform.blobs, platform.digest, part);
  for (const batch of decodePart(bytes, part.name)) {
    operator.restore(batch);
    await platform.yield.yield();
  }
}

export async function restoreOperator(
  platform: Platform,
  operator: StatefulOperator,
  snapshot: OperatorSnapshot,
): Promise<void> {
  operator.restoreScalars(snapshot.scalars);
  for (const part of snapshot.parts) {
    platform.stages.enter("restoring", { operator: operator.uid, part: part.name });
    await restorePart(platform, operator, part);
  }
}

const unknownState = (uid: OperatorUid) =>
  corruptionError(
    "state_unknown",
    `operator ${uid}`,
    "the checkpoint holds state of an operator that the job does not have",
  );

/** The table of one stateful operator of the chain, empty and apart from any running task. */
function detachedTable(plan: ChainPlan, uid: OperatorUid, maxParallelism: number, kernel: KernelInstance) {
  const node = plan.operators.find((one) => one.uid === uid);
  if (node?.kind !== "window") throw unknownState(uid);
  const input = new BatchRegion(kernel, node.input, 1);
  return { node, input, table: new WindowTable(kernel, input, windowTableConfig(node, maxParallelism)) };
}

/** A second, empty instance of one operator of the chain, in a kernel of its own, for merging parts. */
function detachedOperator(plan: ChainPlan, uid: OperatorUid, maxParallelism: number, kernel: KernelInstance) {
  const { node, input, table } = detachedTable(plan, uid, maxParallelism, kernel);
  const output = new BatchRegion(kernel, table.outputSchema, 1);
  const context = { epoch: () => 1, countLate: () => undefined };
  return new WindowOperator({ uid, table, sizeMs: node.window.sizeMs, input, output, next: [], late: [], context });
}

/** Merges the parts in a kernel of their own. */
async function merge(
  platform: Platform,
  plan: ChainPlan,
  maxParallelism: number,
  memoryBudgetBytes: number,
  snapshot: OperatorSnapshot,
): Promise<{ operator: StatefulOperator; batches: readonly RecordBatch[] }> {
  const kernel = new KernelInstance(platform.modules.kernels, memoryBudgetBytes);
  const operator = detachedOperator(plan, snapshot.uid, maxParallelism, kernel);
  await restoreOperator(platform, operator, snapshot);
  return { operator, batches: operator.gather(-1) };
}

/** The state rows that the snapshot's parts amount to, ordered by key group, without what is closed. */
export async function mergeParts(...given: Parameters<typeof merge>): Promise<readonly RecordBatch[]> {
  return (await merge(...given)).batches;
}

/** One part that equals the snapshot's parts in their order. */
export async function composeParts(...given: Parameters<typeof merge>): Promise<StatePart> {
  const [platform, , , , { uid, parts }] = given;
  const { operator, batches } = await merge(...given);
  const part = statePart(operator, batches);
  const fields = { operator: uid, parts: parts.length, rows: part.rowCount, bytes: part.bytes.byteLength };
  platform.log.write("debug", `merged ${parts.length} state parts into one`, fields);
  return part;
}

/** The columns of an operator's state rows in this version of the job. */
export function stateSchemaOf(platform: Platform, plan: ChainPlan, maxParallelism: number, uid: OperatorUid): Schema {
  const kernel = new KernelInstance(platform.modules.kernels, 16 * 1024 * 1024);
  return detachedTable(plan, uid, maxParallelism, kernel).table.stateSchema;
}
