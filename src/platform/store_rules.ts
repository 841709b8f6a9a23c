// The rules that every implementation of the stores keeps, so that none accepts what another refuses.

import { assert } from "../base/assert.ts";
import { MillraceError, userError } from "../base/errors.ts";
import { BLOB_CHUNK_BYTES } from "../base/limits.ts";

/** Keys and blob names go into rows of a Durable Object whole, beside up to a chunk of bytes. */
export const STORE_KEY_LENGTH_MAX = 1024;

/** A value of the metadata store is one row; larger things are blobs. */
export const METADATA_VALUE_BYTES_MAX = BLOB_CHUNK_BYTES;

/** Sorts after every key that begins with the text before it. */
export const KEY_CEILING = "\u{10ffff}";

export function checkedKey(key: string): string {
  assert(key.length > 0 && key.length <= STORE_KEY_LENGTH_MAX, "a store key has 1 to 1,024 characters");
  assert(!key.includes("\0") && !key.includes(KEY_CEILING), "a store key has no NUL and no U+10FFFF");
  return key;
}

export function checkedValue(key: string, value: Uint8Array): void {
  if (value.byteLength <= METADATA_VALUE_BYTES_MAX) return;
  throw userError(
    "metadata_too_large",
    key,
    `the record of ${value.byteLength} bytes is larger than the ${METADATA_VALUE_BYTES_MAX} that one record may have`,
  );
}

export function blobExists(name: string): MillraceError {
  return new MillraceError({
    code: "blob_exists",
    where: name,
    message: `the blob ${name} exists with other bytes; a name is never used twice`,
    fault: "internal",
    retry: "none",
  });
}
