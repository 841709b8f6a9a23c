// Every fixed limit of the durable log with its reason.

import { assert } from "../base/assert.ts";
import { APPEND_BYTES_MAX } from "../base/limits.ts";

/** One stored row; a Durable Object takes 2 MB per row, the rest is for the row's meta text. */
export const ROW_BODY_BYTES_MAX = 1_900_000;

/** The meta text of a row: producer states that the commit changed. */
export const ROW_META_BYTES_MAX = 90_000;

/** One record, with its length and separator, fits a row. */
export const RECORD_BYTES_MAX = 1_800_000;

/** Appends waiting for a commit; more are refused with `log_busy`, because waiting bytes are memory. */
export const QUEUE_BYTES_MAX = 16 * 1024 * 1024;

/** Bytes that one transaction takes from the queue (a larger single append goes alone). */
export const GROUP_BYTES_MAX = 4 * 1024 * 1024;

/** Appends that one transaction takes; bounds the meta text of its last row. */
export const GROUP_APPENDS_MAX = 128;

/** Bytes of a single append through the internal interface; HTTP bodies are capped lower. */
export const APPEND_TOTAL_BYTES_MAX = 8 * 1024 * 1024;

/** A producer's name as JSON text, in UTF-8 bytes; it is stored with every commit of that producer. */
export const PRODUCER_ID_BYTES_MAX = 256;

/** Stream-Seq as JSON text, in UTF-8 bytes; stored with every commit that carries it. */
export const STREAM_SEQUENCE_BYTES_MAX = 256;

/** Producers whose state is kept per log: it is all held in memory and written with every snapshot. */
export const PRODUCERS_MAX = 2048;

/** A producer that was silent for so long may be forgotten when room is needed. */
export const PRODUCER_IDLE_MS = 7 * 24 * 3600 * 1000;

/** Commits between two snapshots of the producers: bounds what opening a log has to read. */
export const SNAPSHOT_COMMITS = 64;

/** What one GET returns, about. */
export const PAGE_BYTES = 1024 * 1024;

/** Rows whose sizes are looked at to fill one page. */
export const PAGE_ROWS_MAX = 512;

/** Readers that wait on one log at the same time. */
export const WAITERS_MAX = 4096;

/** Attempts of one transaction against a busy second writer, which may win every time because it knows the end first. */
export const CONFLICTS_MAX = 100;

assert(
  GROUP_APPENDS_MAX * (PRODUCER_ID_BYTES_MAX + 100) + STREAM_SEQUENCE_BYTES_MAX + 500 <= ROW_META_BYTES_MAX,
  "the meta of a full group fits its row",
);
assert(ROW_BODY_BYTES_MAX + ROW_META_BYTES_MAX < 2_000_000, "a row fits a Durable Object");
assert(RECORD_BYTES_MAX + 64 < ROW_BODY_BYTES_MAX && APPEND_BYTES_MAX < RECORD_BYTES_MAX, "a record fits a row");
