// The manifest: one record that makes a checkpoint exist.
//
//   { format: 2, jobId, branch, checkpoint, generation, takenAtMs, parent, ended, stop?, tasks: [TaskSnapshot] }      as CBOR
//
// A job of many tasks names thousands of parts, and a manifest is one small record. So a part stands in it as
//   [generation, checkpoint, sha256 as 32 bytes, byteLength, rowCount, expiresAt]
// from which, with the manifest's job and branch, its name follows.
//
// Invariants:
// - Every part that a manifest names was durable before the manifest was published.
// - A manifest is published once, by conditional create under the publisher's generation, and never changed.
// - It has the snapshot of every task of the layout that wrote it. Together they list every split and every committable
//   that is not known to be committed, not only this checkpoint's own.

import { assert } from "../base/assert.ts";
import { type Bytes, bytesOfHex, hexOf } from "../base/bytes.ts";
import { decodeCbor, encodeCbor } from "../base/cbor.ts";
import { corruptionError } from "../base/errors.ts";
import {
  asCheckpointId,
  asGeneration,
  type BranchId,
  type CheckpointId,
  type Generation,
  type JobId,
} from "../base/ids.ts";
import type { PartRef, PendingCommittable, StateSnapshot, TaskSnapshot } from "../protocol/snapshot.ts";
import { checkpointOfPart, generationOfPart, partName } from "./paths.ts";

/** 1 held the snapshot of one task only. */
export const MANIFEST_FORMAT = 2;

/** The end of the job that somebody asked for. */
export interface FinalStop {
  readonly savepoint: string;
  /** Time ends before the savepoint, so that all windows and timers fire. */
  readonly drain: boolean;
}

export interface Manifest {
  readonly format: typeof MANIFEST_FORMAT;
  readonly jobId: JobId;
  readonly branch: BranchId;
  readonly checkpoint: CheckpointId;
  readonly generation: Generation;
  readonly takenAtMs: number;
  /** Where this branch came from: the checkpoint of another branch, or a savepoint; null for a fresh start. */
  readonly parent: { readonly branch: BranchId; readonly checkpoint: CheckpointId } | null;
  /** All input had ended, or was drained: nothing follows but the commit of what is pending here. */
  readonly ended: boolean;
  /** The job is to end here, once what is pending is committed and the savepoint is written. */
  readonly stop?: FinalStop;
  /** By chain and subtask. */
  readonly tasks: readonly TaskSnapshot[];
}

/** Throws where a part is not named as parts of this job and branch are: that would be a bug of its writer. */
export function encodeManifest(manifest: Manifest): Bytes {
  const pack = (part: PartRef): PackedPart => packPart(manifest, part);
  return encodeCbor({ ...manifest, tasks: manifest.tasks.map((task) => packTask(task, pack)) });
}

/** Throws `manifest_corrupt` where the stored record is no manifest, `manifest_format_unknown` where it is of another format. */
export function decodeManifest(bytes: Uint8Array, where: string): Manifest {
  const found = decodeCbor(bytes, where) as Partial<Manifest> | null;
  const format: unknown = found?.format;
  if (found === null || typeof found !== "object" || typeof format !== "number") {
    throw corruptionError("manifest_corrupt", where, "the stored record is not a checkpoint manifest");
  }
  if (format !== MANIFEST_FORMAT) {
    const wanted = `this version of Millrace reads format ${MANIFEST_FORMAT}`;
    throw corruptionError("manifest_format_unknown", where, `the manifest has format ${format}; ${wanted}`);
  }
  if (!Array.isArray(found.tasks) || found.tasks.length === 0) {
    throw corruptionError("manifest_corrupt", where, "the manifest has no tasks");
  }
  if (found.stop !== undefined && !isStop(found.stop)) {
    throw corruptionError("manifest_corrupt", where, "the manifest asks for the job's end in no known way");
  }
  const manifest = found as Omit<Manifest, "tasks"> & { readonly tasks: readonly PackedTask[] };
  const unpack = (part: unknown): PartRef => unpackPart(manifest, part, where);
  return { ...manifest, tasks: manifest.tasks.map((task) => unpackTask(task, unpack)) };
}

function isStop(found: unknown): found is FinalStop {
  const { savepoint, drain } = (found ?? {}) as Partial<FinalStop>;
  return typeof savepoint === "string" && typeof drain === "boolean";
}

type PackedPart = readonly [
  generation: number,
  checkpoint: number,
  sha256: Bytes,
  byteLength: number,
  rowCount: number,
  expiresAt: string | null,
];

/** A snapshot as it stands in the record. */
type PackedTask = Omit<TaskSnapshot, "states" | "pending"> & {
  readonly states: readonly (Omit<StateSnapshot, "parts"> & { readonly parts: readonly unknown[] })[];
  readonly pending: readonly (Omit<PendingCommittable, "part"> & { readonly part: unknown })[];
};

const packTask = (task: TaskSnapshot, pack: (part: PartRef) => PackedPart): PackedTask => ({
  ...task,
  states: task.states.map((state) => ({ ...state, parts: state.parts.map(pack) })),
  pending: task.pending.map((one) => ({ ...one, part: pack(one.part) })),
});

const unpackTask = (task: PackedTask, unpack: (part: unknown) => PartRef): TaskSnapshot => ({
  ...task,
  states: task.states.map((state) => ({ ...state, parts: state.parts.map(unpack) })),
  pending: task.pending.map((one) => ({ ...one, part: unpack(one.part) })),
});

function packPart({ jobId, branch }: Manifest, part: PartRef): PackedPart {
  const generation = generationOfPart(part.name) ?? -1;
  const checkpoint = checkpointOfPart(part.name) ?? -1;
  const name = partName(jobId, branch, asGeneration(generation), asCheckpointId(checkpoint), part.sha256);
  assert(name === part.name, "a part is named by its job, branch, generation, checkpoint and content");
  return [generation, checkpoint, bytesOfHex(part.sha256), part.byteLength, part.rowCount, part.expiresAt];
}

function unpackPart({ jobId, branch }: Pick<Manifest, "jobId" | "branch">, packed: unknown, where: string): PartRef {
  const [generation, checkpoint, digest, byteLength, rowCount, expiresAt] = Array.isArray(packed) ? packed : [];
  const counts = [generation, checkpoint, byteLength, rowCount];
  const isWhole = counts.every((one) => Number.isSafeInteger(one)) && digest instanceof Uint8Array;
  if (!isWhole || digest.byteLength !== 32 || (expiresAt !== null && typeof expiresAt !== "string")) {
    throw corruptionError("manifest_corrupt", where, "the manifest refers to a part in no known way");
  }
  const sha256 = hexOf(digest);
  return { name: partName(jobId, branch, generation, checkpoint, sha256), byteLength, sha256, rowCount, expiresAt };
}

/** Every part that must exist for as long as the manifest is retained. */
export const partsOf = (manifest: Manifest): readonly PartRef[] =>
  manifest.tasks.flatMap(({ states, pending }) => [
    ...states.flatMap((state) => state.parts),
    ...pending.map((committable) => committable.part),
  ]);
