// Bringing state back from parts, into a live table or into a temporary one that merges parts.

import type { Bytes } from "../base/bytes.ts";
import { corruptionError, type MillraceError } from "../base/errors.ts";
import type { OperatorUid } from "../base/ids.ts";
import { decodePart } from "../checkpoint/part_batches.ts";
import { readPart } from "../checkpoint/parts.ts";
import type { RecordBatch } from "../batch/record_batch.ts";
import type { Schema } from "../batch/schema.ts";
import type { JobPlan } from "../graph/plan.ts";
import { ProcessFunctions } from "../job/define_process.ts";
import { allKeyGroups } from "../keygroup/key_group.ts";
import { BatchRegion } from "../kernel/batch_region.ts";
import { KernelInstance } from "../kernel/instance.ts";
import type { KeyedState } from "../operators/keyed_state.ts";
import type { Platform } from "../platform/platform.ts";
import type { PartRef, StateRestore, StateSnapshot } from "../protocol/snapshot.ts";
import { buildNode } from "./nodes/build_node.ts";
import { processStates } from "./nodes/process_node.ts";
import { type StatePart, statePart } from "./state_part.ts";
import type { TaskWiring } from "./task_wiring.ts";

/** Parts of so many bytes are read while one is taken in, and the next one in any case: a store takes its time. */
const AHEAD_BYTES = 32 * 1024 * 1024;

async function* readInOrder(platform: Platform, parts: readonly PartRef[]): AsyncGenerator<readonly [PartRef, Bytes]> {
  const reading = new Map<number, Promise<Bytes>>();
  let started = 0;
  let aheadBytes = 0;
  for (const [index, part] of parts.entries()) {
    for (let next = parts[started]; next !== undefined; next = parts[started]) {
      if (started > index + 1 && aheadBytes + next.byteLength > AHEAD_BYTES) break;
      const read = readPart(platform.blobs, platform.digest, next);
      read.catch(() => undefined); // whoever comes to it sees the failure
      reading.set(started++, read);
      aheadBytes += next.byteLength;
    }
    const bytes = await (reading.get(index) as Promise<Bytes>);
    reading.delete(index);
    aheadBytes -= part.byteLength;
    yield [part, bytes];
  }
}

/** Parts of one subtask in their order; rows of other tasks' key groups are left out by the table itself. */
export async function restoreState(platform: Platform, state: KeyedState, restore: StateRestore): Promise<void> {
  state.restoreScalars(restore.from.map((one) => one.scalars));
  const parts = restore.from.flatMap((one) => one.parts);
  for await (const [part, bytes] of readInOrder(platform, parts)) {
    platform.stages.enter("restoring", { operator: state.uid, part: part.name });
    for (const batch of decodePart(bytes, part.name)) {
      state.restore(batch);
      await platform.yield.yield();
    }
  }
}

async function gatherWhole(platform: Platform, state: KeyedState): Promise<readonly RecordBatch[]> {
  if (state.gatherInPieces === undefined) return state.gather(-1);
  const batches: RecordBatch[] = [];
  for (const batch of state.gatherInPieces()) {
    batches.push(batch);
    await platform.yield.yield();
  }
  return batches;
}

/** Names one table of one operator. */
export interface StateId {
  readonly uid: OperatorUid;
  readonly state: string;
}

/** A second, empty instance of one table of the job, in a kernel of its own, apart from any running task. */
function detachedState(
  platform: Platform,
  plan: JobPlan,
  { uid, state }: StateId,
  budgetBytes: number,
  regionRows?: number,
): KeyedState {
  const found = detachedStates(platform, plan, uid, budgetBytes, regionRows).find((one) => one.name === state);
  if (found === undefined) throw unknownState(uid, state);
  return found;
}

function detachedStates(
  platform: Platform,
  plan: JobPlan,
  uid: OperatorUid,
  budgetBytes: number,
  regionRows?: number,
): readonly KeyedState[] {
  const node = plan.nodes.find((one) => one.uid === uid);
  if (node === undefined || node.kind === "source" || node.kind === "sink") return [];
  if (node.kind === "process") return processStates(node, plan.maxParallelism);
  const kernel = new KernelInstance(platform.modules.kernels, budgetBytes, regionRows);
  const { states } = buildNode(node, {
    kernel,
    maxParallelism: plan.maxParallelism,
    keyGroups: allKeyGroups(plan.maxParallelism),
    inputs: node.inputs.map((input) => new BatchRegion(kernel, input.schema, 1)),
    next: [],
    side: () => [],
    clock: platform.clock,
    operator: { epoch: () => 1, countLate: () => undefined },
    functions: new ProcessFunctions(),
    stateBudgetBytes: budgetBytes,
  });
  return states;
}

const unknownState = (uid: OperatorUid, state: string): MillraceError =>
  corruptionError(
    "state_unknown",
    `operator ${uid}`,
    `the checkpoint holds a state "${state}" of an operator that the job does not have, or that keeps none of this name`,
  );

/** The state rows that the parts amount to, ordered by key group, without what is dead. */
export async function mergeParts(
  platform: Platform,
  plan: JobPlan,
  budgetBytes: number,
  restore: StateRestore,
): Promise<readonly RecordBatch[]> {
  const state = detachedState(platform, plan, restore, budgetBytes);
  await restoreState(platform, state, restore);
  return await gatherWhole(platform, state);
}

/** One part that equals the snapshot's parts in their order. */
export async function composeParts(
  { platform, plan, options }: Pick<TaskWiring, "platform" | "plan" | "options">,
  { uid, state: name, parts, scalars }: StateSnapshot,
): Promise<StatePart> {
  const state = detachedState(platform, plan, { uid, state: name }, options.memoryBudgetBytes, options.regionRows);
  await restoreState(platform, state, { uid, state: name, own: true, from: [{ scalars, parts }] });
  const part = statePart(state, await gatherWhole(platform, state));
  const fields = { operator: uid, state: name, parts: parts.length, rows: part.rowCount, bytes: part.bytes.byteLength };
  platform.log.write("debug", `merged ${parts.length} state parts into one`, fields);
  return part;
}

const SCHEMA_BUDGET_BYTES = 64 * 1024 * 1024;

/** The columns of a table's rows in this version of the job. */
export const stateSchemaOf = (platform: Platform, plan: JobPlan, id: StateId): Schema =>
  detachedState(platform, plan, id, SCHEMA_BUDGET_BYTES).schema;

/** The names of the tables that an operator of the job keeps. */
export const statesOf = (platform: Platform, plan: JobPlan, uid: OperatorUid): readonly string[] =>
  detachedStates(platform, plan, uid, SCHEMA_BUDGET_BYTES).map((one) => one.name);
