// Bringing state back from parts, into a live operator or into a temporary one that merges parts.

import { corruptionError } from "../base/errors.ts";
import type { OperatorUid } from "../base/ids.ts";
import { decodePart, encodePart } from "../checkpoint/part_batches.ts";
import { readPart } from "../checkpoint/parts.ts";
import type { ChainPlan } from "../graph/plan.ts";
import { BatchRegion } from "../kernel/batch_region.ts";
import { KernelInstance } from "../kernel/instance.ts";
import type { StatefulOperator } from "../operators/operator.ts";
import { WindowOperator } from "../operators/window.ts";
import type { Platform } from "../platform/platform.ts";
import type { OperatorSnapshot, PartRef } from "../protocol/snapshot.ts";
import { WindowTable } from "../state/window_table.ts";
import { windowTableConfig } from "./chain.ts";

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

/** A second, empty instance of one operator of the chain, in a kernel of its own, for merging parts. */
function detachedOperator(plan: ChainPlan, uid: OperatorUid, maxParallelism: number, kernel: KernelInstance) {
  const node = plan.operators.find((one) => one.uid === uid);
  if (node?.kind !== "window") {
    throw corruptionError("state_unknown", `operator ${uid}`, "the checkpoint holds state of an operator that the job does not have");
  }
  const input = new BatchRegion(kernel, node.input, 1);
  const table = new WindowTable(kernel, input, windowTableConfig(node, maxParallelism));
  const output = new BatchRegion(kernel, table.outputSchema, 1);
  const context = { epoch: () => 1, countLate: () => undefined };
  return new WindowOperator({ uid, table, input, output, next: [], late: [], context });
}

/** One part that equals the snapshot's parts in their order, without what is closed. */
export async function composeParts(
  platform: Platform,
  plan: ChainPlan,
  maxParallelism: number,
  memoryBudgetBytes: number,
  snapshot: OperatorSnapshot,
): Promise<{ bytes: Uint8Array; rowCount: number }> {
  const kernel = new KernelInstance(platform.modules.kernels, memoryBudgetBytes);
  const operator = detachedOperator(plan, snapshot.uid, maxParallelism, kernel);
  await restoreOperator(platform, operator, snapshot);
  const batches = operator.gather(-1);
  return { bytes: encodePart(batches), rowCount: batches.reduce((sum, batch) => sum + batch.rowCount, 0) };
}
