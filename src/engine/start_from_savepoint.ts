// Makes the first manifest of a new branch from a savepoint: state is copied in, nothing of the origin is touched.
//
// The rows of each operator are stored as if as many subtasks as wrote them had written them just now, each the key groups
// that were its own. So the scalars of each stay beside its rows, and a task reads only the parts that concern it.
//
// Invariant: while parts lie in the store before there is a job, a record says so; if the job never comes to exist, they
// are collected by that record, and nothing else is.

import { assert, present } from "../base/assert.ts";
import { decodeCbor, encodeCbor } from "../base/cbor.ts";
import {
  asCheckpointId,
  asGeneration,
  asJobId,
  asOperatorUid,
  type BranchId,
  type JobId,
  type OperatorUid,
} from "../base/ids.ts";
import { BATCH_ROWS_MAX } from "../base/limits.ts";
import type { RecordBatch } from "../batch/record_batch.ts";
import { takeRows } from "../batch/take.ts";
import { encodeManifest, type Manifest, MANIFEST_FORMAT } from "../checkpoint/manifest.ts";
import { IMPORT_PREFIX, importKey, jobKey, latestKey, manifestKey, partPrefix } from "../checkpoint/paths.ts";
import { encodePart } from "../checkpoint/part_batches.ts";
import { describePart, type PartScope } from "../checkpoint/parts.ts";
import type { Savepoint, SavepointState } from "../checkpoint/savepoint.ts";
import type { JobPlan } from "../graph/plan.ts";
import { inRange, type KeyGroupRange, rangeOfSubtask } from "../keygroup/key_group.ts";
import type { Platform } from "../platform/platform.ts";
import type { Guard, StoreOp } from "../platform/ports.ts";
import {
  type PartRef,
  type SourceSnapshot,
  type StateSnapshot,
  type TaskSnapshot,
  zeroCounters,
} from "../protocol/snapshot.ts";

/** The savepoint's own checkpoint in the new branch; counting goes on from it. */
const IMPORTED = asCheckpointId(0);
/** An import that began so long ago and has not become a job never will. */
const IMPORT_MAX_MS = 24 * 3_600_000;

export interface Import {
  readonly jobId: JobId;
  readonly branch: BranchId;
  readonly plan: JobPlan;
  /** What of it the job goes on with. */
  readonly savepoint: Savepoint;
  /** The splits of every source of the job; asked for where it has sources that the savepoint does not know. */
  readonly enumerate: () => Promise<readonly SourceSnapshot[]>;
}

/** What must be true, and what must come to be, in the commit that records the job: see `createJob`. */
export interface Imported {
  readonly guards: readonly Guard[];
  readonly ops: readonly StoreOp[];
}

/** Stores the parts; the manifest comes to exist together with the job's record. */
export async function importState(platform: Platform, one: Import): Promise<Imported> {
  const { jobId, branch, savepoint } = one;
  const { header, states } = savepoint;
  const intent = encodeCbor({ atMs: platform.clock.nowMs() });
  await platform.metadata.commit([], [{ kind: "put", key: importKey(jobId), value: intent }]);
  const generation = asGeneration(0);
  const empty = { states: [], sources: [], pending: [], inputEnded: false, counters: zeroCounters };
  const sources = await sourcesOf(one);
  const tasks: TaskSnapshot[] = [{ ...empty, chain: 0, subtask: 0, sources, counters: header.counters }];
  for (const uid of new Set(states.map((state) => state.uid))) {
    const tables = states.filter((state) => state.uid === uid);
    const parallelism = present(tables[0], "a table of the operator").scalars.length;
    const chain = present(tasks.at(-1), "the tasks so far").chain + 1;
    for (let subtask = 0; subtask < parallelism; subtask++) {
      const range = rangeOfSubtask(header.maxParallelism, parallelism, subtask);
      const stored: StateSnapshot[] = [];
      for (const table of tables) {
        const parts = await storeRows(platform, { jobId, branch, generation }, table, range);
        const scalars = present(table.scalars[subtask], "what every subtask had beside its rows");
        stored.push({ uid: asOperatorUid(uid), state: table.state, parts, scalars });
      }
      tasks.push({ ...empty, chain, subtask, states: stored });
    }
  }
  const parent = { branch: header.branch as BranchId, checkpoint: asCheckpointId(header.checkpoint) };
  const head = { format: MANIFEST_FORMAT, jobId, branch, checkpoint: IMPORTED, generation, parent } as const;
  const manifest: Manifest = { ...head, takenAtMs: platform.clock.nowMs(), ended: false, tasks };
  return {
    guards: [{ kind: "equals", key: importKey(jobId), value: intent }],
    ops: [
      { kind: "delete", key: importKey(jobId) },
      { kind: "put", key: manifestKey(jobId, branch, IMPORTED), value: encodeManifest(manifest) },
      { kind: "put", key: latestKey(jobId), value: encodeCbor({ branch, checkpoint: IMPORTED }) },
    ],
  };
}

/** The splits of the savepoint; those of sources that are new in this job begin at their beginning. */
async function sourcesOf({ plan, savepoint, enumerate }: Import): Promise<readonly SourceSnapshot[]> {
  const known = savepoint.sources.map((source) => source.uid);
  const isNew = (uid: OperatorUid): boolean => !known.includes(uid);
  if (!plan.nodes.some((node) => node.kind === "source" && isNew(node.uid))) return savepoint.sources;
  return [...savepoint.sources, ...(await enumerate()).filter((source) => isNew(source.uid))];
}

async function storeRows(
  platform: Platform,
  scope: PartScope,
  { batches }: SavepointState,
  range: KeyGroupRange,
): Promise<PartRef[]> {
  const rows = batches.flatMap((batch) => rowsWithin(batch, range));
  if (rows.length === 0) return [];
  const rowCount = rows.reduce((sum, batch) => sum + batch.rowCount, 0);
  const bytes = encodePart(rows);
  const part = describePart(platform.digest, scope, IMPORTED, bytes, { rowCount, expiresAt: undefined });
  await platform.blobs.put(part.name, bytes);
  return [part];
}

/** In batches that a task takes in one go. */
function rowsWithin(batch: RecordBatch, range: KeyGroupRange): RecordBatch[] {
  const groups = batch.columns[0];
  assert(groups?.type === "i64", "the first column of state rows is the key group");
  const wanted: number[] = [];
  for (let row = 0; row < batch.rowCount; row++) if (inRange(range, Number(groups.values[row]))) wanted.push(row);
  const pieces: RecordBatch[] = [];
  for (let at = 0; at < wanted.length; at += BATCH_ROWS_MAX) {
    pieces.push(takeRows(batch, wanted.slice(at, at + BATCH_ROWS_MAX)));
  }
  return pieces;
}

/** Collects what was stored for jobs that never came to exist: their submission failed, or its process ended. */
export async function collectOrphanedImports({ metadata, blobs, clock, log }: Platform): Promise<void> {
  for (const { key, value } of await metadata.list(IMPORT_PREFIX)) {
    const atMs = importedAtMs(value);
    if (atMs === undefined) log.write("warning", "a record of copied state cannot be read; it stays", { where: key });
    if (atMs === undefined || clock.nowMs() - atMs < IMPORT_MAX_MS) continue;
    const jobId = asJobId(key.slice(IMPORT_PREFIX.length));
    // From here on the job can not be recorded any more: that would need the record as it was.
    const given = encodeCbor({ atMs, givenUp: true });
    const unused: Guard[] = [
      { kind: "absent", key: jobKey(jobId) },
      { kind: "equals", key, value },
    ];
    const outcome = await metadata.commit(unused, [{ kind: "put", key, value: given }]);
    if (outcome.kind === "refused") continue;
    await blobs.delete(await blobs.list(partPrefix(jobId)));
    await metadata.commit([{ kind: "equals", key, value: given }], [{ kind: "delete", key }]);
  }
}

function importedAtMs(value: Uint8Array): number | undefined {
  try {
    const { atMs } = decodeCbor(value, IMPORT_PREFIX) as { readonly atMs?: unknown };
    return typeof atMs === "number" ? atMs : undefined;
  } catch {
    return undefined; // its caller says so
  }
}
