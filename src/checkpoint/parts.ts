// Writing and reading parts: immutable blobs named by generation, checkpoint and content.
// Invariant: what `readPart` returns has the length and the digest that the manifest recorded.

import { corruptionError } from "../base/errors.ts";
import { type Bytes, hexOf } from "../base/bytes.ts";
import type { BranchId, CheckpointId, Generation, JobId } from "../base/ids.ts";
import type { BlobStore, Digest } from "../platform/ports.ts";
import type { PartRef } from "../protocol/snapshot.ts";
import { partName } from "./paths.ts";

export interface PartScope {
  readonly jobId: JobId;
  readonly branch: BranchId;
  readonly generation: Generation;
}

export function sha256Hex(digest: Digest, bytes: Uint8Array): string {
  const stream = digest.sha256();
  stream.update(bytes);
  return hexOf(stream.finish());
}

/** The reference of a part before it is written; `storePart` must follow before anything names it. */
export function describePart(
  digest: Digest,
  scope: PartScope,
  checkpoint: CheckpointId,
  bytes: Uint8Array,
  content: { readonly rowCount: number; readonly expiresAt: bigint | undefined },
): PartRef {
  const sha256 = sha256Hex(digest, bytes);
  const name = partName(scope.jobId, scope.branch, scope.generation, checkpoint, sha256);
  const { rowCount, expiresAt } = content;
  return {
    name,
    byteLength: bytes.byteLength,
    sha256,
    rowCount,
    expiresAt: expiresAt === undefined ? null : String(expiresAt),
  };
}

const AFTER_DAMAGE = "bring the store back from a copy, or start the job anew, from a savepoint where there is one";

export async function readPart(blobs: BlobStore, digest: Digest, part: PartRef): Promise<Bytes> {
  const bytes = await blobs.get(part.name);
  if (bytes === undefined) {
    throw corruptionError("part_missing", part.name, `a checkpoint part is not in the store; ${AFTER_DAMAGE}`);
  }
  if (bytes.byteLength !== part.byteLength || sha256Hex(digest, bytes) !== part.sha256) {
    const found = `it has ${bytes.byteLength} bytes and another digest than was recorded`;
    throw corruptionError(
      "part_corrupt",
      part.name,
      `a checkpoint part is damaged in the store: ${found}; ${AFTER_DAMAGE}`,
    );
  }
  return bytes;
}
