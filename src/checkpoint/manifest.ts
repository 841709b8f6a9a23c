// The manifest: one record that makes a checkpoint exist.
//
//   { format: 2, jobId, branch, checkpoint, generation, takenAtMs, parent, ended, tasks: [TaskSnapshot] }      as CBOR
//
// Invariants:
// - Every part that a manifest names was durable before the manifest was published.
// - A manifest is published once, by conditional create under the publisher's generation, and never changed.
// - It has the snapshot of every task of the layout that wrote it. Together they list every split and every committable
//   that is not known to be committed, not only this checkpoint's own.

import { decodeCbor, encodeCbor } from "../base/cbor.ts";
import { corruptionError } from "../base/errors.ts";
import type { BranchId, CheckpointId, Generation, JobId } from "../base/ids.ts";
import type { Bytes } from "../base/bytes.ts";
import type { PartRef, TaskSnapshot } from "../protocol/snapshot.ts";

/** 1 held the snapshot of one task only. */
export const MANIFEST_FORMAT = 2;

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
  /** By chain and subtask. */
  readonly tasks: readonly TaskSnapshot[];
}

export const encodeManifest = (manifest: Manifest): Bytes => encodeCbor(manifest);

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
  return found as Manifest;
}

/** Every part that must exist for as long as the manifest is retained. */
export const partsOf = (manifest: Manifest): readonly PartRef[] =>
  manifest.tasks.flatMap(({ states, pending }) => [
    ...states.flatMap((state) => state.parts),
    ...pending.map((committable) => committable.part),
  ]);
