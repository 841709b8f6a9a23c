// The manifest: one small record that makes a checkpoint exist.
//
// Invariants:
// - Every part that a manifest names was durable before the manifest was published.
// - A manifest is published once, by conditional create under the publisher's generation, and never changed.
// - It lists every split and every committable that is not known to be committed, not only this checkpoint's own.

import { decodeCbor, encodeCbor } from "../base/cbor.ts";
import { corruptionError } from "../base/errors.ts";
import type { BranchId, CheckpointId, Generation, JobId } from "../base/ids.ts";
import type { Bytes } from "../base/bytes.ts";
import type { PartRef, TaskSnapshot } from "../protocol/snapshot.ts";

export const MANIFEST_FORMAT = 1;

export interface Manifest {
  readonly format: typeof MANIFEST_FORMAT;
  readonly jobId: JobId;
  readonly branch: BranchId;
  readonly checkpoint: CheckpointId;
  readonly generation: Generation;
  readonly takenAtMs: number;
  /** Where this branch came from: the checkpoint of another branch, or a savepoint; null for a fresh start. */
  readonly parent: { readonly branch: BranchId; readonly checkpoint: CheckpointId } | null;
  readonly snapshot: TaskSnapshot;
}

export const encodeManifest = (manifest: Manifest): Bytes => encodeCbor(manifest);

/** Throws `manifest_corrupt` where the stored record is not a manifest of the expected job. */
export function decodeManifest(bytes: Uint8Array, where: string): Manifest {
  const found = decodeCbor(bytes, where) as Partial<Manifest> | null;
  if (found === null || typeof found !== "object" || found.snapshot === undefined) {
    throw corruptionError("manifest_corrupt", where, "the stored record is not a checkpoint manifest");
  }
  if (found.format !== MANIFEST_FORMAT) {
    const wanted = `this version of Millrace reads format ${MANIFEST_FORMAT}`;
    throw corruptionError(
      "manifest_format_unknown",
      where,
      `the manifest has format ${String(found.format)}; ${wanted}`,
    );
  }
  return found as Manifest;
}

/** Every part that must exist for as long as the manifest is retained. */
export function partsOf(manifest: Manifest): readonly PartRef[] {
  const { operators, pending } = manifest.snapshot;
  return [...operators.flatMap((operator) => operator.parts), ...pending.map((committable) => committable.part)];
}
