// Every fixed limit of the engine with its reason; relations between limits are checked where they are declared.

import { assert } from "./assert.ts";

/** Measured best batch size: per-batch overhead vanishes and the columns still fit in L2 (256 rows cost 45 %). */
export const BATCH_ROWS_MAX = 4096;

/** Rows handled per kernel pass, so that the temporaries of one pass stay in L1. */
export const KERNEL_PASS_ROWS = 512;

/** Bytes read from a byte source at once. */
export const READ_CHUNK_BYTES = 256 * 1024;

/** One NDJSON line; a longer one is a bad row. Must fit a read buffer of the scanner. */
export const LINE_BYTES_MAX = 1024 * 1024;

/** Nesting of one JSON line. JSON.parse has no such limit; deeper lines are bad rows. */
export const JSON_DEPTH_MAX = 64;

/** Stored blobs are cut so that one row fits a Durable Object's limit of 2 MB with room for its key. */
export const BLOB_CHUNK_BYTES = 1024 * 1024;

/** Default count of key groups; fixed for the life of a job's state. */
export const MAX_PARALLELISM_DEFAULT = 128;
export const MAX_PARALLELISM_LIMIT = 32_768;

/** A column list longer than this is refused; the kernel's descriptor area is sized by it. */
export const COLUMNS_MAX = 64;

/** Request bodies, counted before they are parsed. */
export const SPEC_BYTES_MAX = 1024 * 1024;
export const APPEND_BYTES_MAX = 1024 * 1024;

assert(BATCH_ROWS_MAX % KERNEL_PASS_ROWS === 0, "a batch is a whole number of kernel passes");
assert(LINE_BYTES_MAX >= READ_CHUNK_BYTES, "a line may be longer than one read");
assert(BLOB_CHUNK_BYTES < 2_000_000, "a blob chunk fits a Durable Object row");
