// Makes the first manifest of a new branch from a savepoint: state is copied in, nothing of the origin is touched.

import { encodeCbor } from "../base/cbor.ts";
import { userError } from "../base/errors.ts";
import { asCheckpointId, asGeneration, asOperatorUid, type BranchId, type JobId } from "../base/ids.ts";
import { encodeManifest, type Manifest, MANIFEST_FORMAT } from "../checkpoint/manifest.ts";
import { latestKey, manifestKey } from "../checkpoint/paths.ts";
import { encodePart } from "../checkpoint/part_batches.ts";
import { describePart } from "../checkpoint/parts.ts";
import type { Savepoint, SavepointOperator } from "../checkpoint/savepoint.ts";
import { equalSchemas, type Schema } from "../batch/schema.ts";
import type { ChainPlan, JobPlan } from "../graph/plan.ts";
import type { Platform } from "../platform/platform.ts";
import type { StoreOp } from "../platform/ports.ts";
import type { OperatorSnapshot } from "../protocol/snapshot.ts";
import { stateSchemaOf } from "../task/restore.ts";

/** The savepoint's own checkpoint in the new branch; counting goes on from it. */
const IMPORTED = asCheckpointId(0);

/** Refuses with a typed user error whatever of the savepoint the job has no place for. */
export function checkFits(platform: Platform, plan: JobPlan, savepoint: Savepoint, where: string): void {
  const chain = plan.chains[0] as ChainPlan;
  const { maxParallelism } = savepoint.header;
  if (maxParallelism !== plan.maxParallelism) {
    const message = `the savepoint has maxParallelism ${maxParallelism}, the job ${plan.maxParallelism}; it is fixed for the life of the state`;
    throw userError("savepoint_mismatch", where, message);
  }
  for (const source of savepoint.sources) {
    if (source.uid !== chain.source.uid) throw unmatched(where, "source", source.uid, [chain.source.uid]);
  }
  const stateful = chain.operators.filter((one) => one.kind === "window").map((one) => one.uid);
  for (const operator of savepoint.operators) {
    const uid = asOperatorUid(operator.uid);
    if (!stateful.includes(uid)) throw unmatched(where, "operator", uid, stateful);
    const wanted = stateSchemaOf(platform, chain, plan.maxParallelism, uid);
    if (!equalSchemas(wanted, operator.schema)) throw otherColumns(where, operator, wanted);
  }
}

function unmatched(where: string, what: string, uid: string, has: readonly string[]) {
  const listed = has.length === 0 ? "none" : has.map((one) => `"${one}"`).join(", ");
  return userError("savepoint_mismatch", where, `the savepoint holds ${what} "${uid}", the job has ${listed}`);
}

function otherColumns(where: string, operator: SavepointOperator, wanted: Schema) {
  const text = (schema: Schema): string =>
    schema.map((one) => `${one.name} ${one.type}${one.nullable ? "?" : ""}`).join(", ");
  const message = `the state of operator "${operator.uid}" has the columns (${text(operator.schema)}), the job keeps (${text(wanted)})`;
  return userError("savepoint_mismatch", where, message);
}

/** Stores the parts; the returned changes make the manifest exist together with the job's record. */
export async function importState(
  platform: Platform,
  jobId: JobId,
  branch: BranchId,
  savepoint: Savepoint,
): Promise<readonly StoreOp[]> {
  const scope = { jobId, branch, generation: asGeneration(0) };
  const operators: OperatorSnapshot[] = [];
  for (const { uid, scalars, batches } of savepoint.operators) {
    const bytes = encodePart(batches);
    const rowCount = batches.reduce((sum, batch) => sum + batch.rowCount, 0);
    const part = describePart(platform.digest, scope, IMPORTED, bytes, { rowCount, expiresAt: undefined });
    if (rowCount > 0) await platform.blobs.put(part.name, bytes);
    operators.push({ uid: asOperatorUid(uid), parts: rowCount > 0 ? [part] : [], scalars });
  }
  const { header, sources } = savepoint;
  const parent = { branch: header.branch as BranchId, checkpoint: asCheckpointId(header.checkpoint) };
  const head = { format: MANIFEST_FORMAT, jobId, branch, checkpoint: IMPORTED, generation: scope.generation } as const;
  const snapshot = { operators, sources, pending: [], inputEnded: header.inputEnded, counters: header.counters };
  const manifest: Manifest = { ...head, takenAtMs: platform.clock.nowMs(), parent, snapshot };
  return [
    { kind: "put", key: manifestKey(jobId, branch, IMPORTED), value: encodeManifest(manifest) },
    { kind: "put", key: latestKey(jobId), value: encodeCbor({ branch, checkpoint: IMPORTED }) },
  ];
}
