// The words of the Durable Streams protocol: headers in, headers out, statuses. No I/O.

import { type MillraceError, userError } from "../base/errors.ts";
import { PRODUCER_ID_BYTES_MAX, STREAM_SEQUENCE_BYTES_MAX } from "../log/log_limits.ts";
import type { ProducerTag } from "../log/log_state.ts";
import { isMediaType } from "../log/media_type.ts";
import { parseOffset } from "../log/offset.ts";

export const NEXT_OFFSET = "Stream-Next-Offset";
export const UP_TO_DATE = "Stream-Up-To-Date";
export const CLOSED = "Stream-Closed";
export const CURSOR = "Stream-Cursor";
export const SEQUENCE = "Stream-Seq";
export const TTL = "Stream-TTL";
export const EXPIRES_AT = "Stream-Expires-At";
export const SSE_ENCODING = "Stream-SSE-Data-Encoding";
export const PRODUCER_ID = "Producer-Id";
export const PRODUCER_EPOCH = "Producer-Epoch";
export const PRODUCER_SEQUENCE = "Producer-Seq";
export const PRODUCER_EXPECTED = "Producer-Expected-Seq";
export const PRODUCER_RECEIVED = "Producer-Received-Seq";

/** What a browser on an allowed origin may send and see. */
export const REQUEST_HEADERS: string = [
  "Authorization, Content-Type, If-None-Match",
  [SEQUENCE, CLOSED, TTL, EXPIRES_AT, PRODUCER_ID, PRODUCER_EPOCH, PRODUCER_SEQUENCE].join(", "),
].join(", ");
export const RESPONSE_HEADERS: string = [
  "ETag, Location",
  [NEXT_OFFSET, UP_TO_DATE, CLOSED, CURSOR, TTL, EXPIRES_AT, SSE_ENCODING].join(", "),
  [PRODUCER_EPOCH, PRODUCER_SEQUENCE, PRODUCER_EXPECTED, PRODUCER_RECEIVED].join(", "),
].join(", ");

/** Live cursors advance with these intervals, so that caches between can share answers of the same interval. */
const CURSOR_INTERVAL_MS = 20_000;

/** Strictly greater than the cursor that the client sent, so that no cache can answer with an old page for ever. */
export function cursorAfter(sent: string | undefined, nowMs: number): string {
  const current = Math.floor(nowMs / CURSOR_INTERVAL_MS);
  const before = sent !== undefined && /^[0-9]{1,15}$/.test(sent) ? Number(sent) : -1;
  return String(Math.max(current, before + 1));
}

export type HeaderReader = (name: string) => string | undefined;

const COUNT = /^(0|[1-9][0-9]{0,15})$/;

function countOf(text: string | undefined, name: string, where: string): number {
  const count = text !== undefined && COUNT.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(count)) return count;
  throw userError("header_invalid", where, `${name} is ${JSON.stringify(text)}, it has to be a whole number from 0 on`);
}

/** All three producer headers, or none. */
export function producerOf(header: HeaderReader, where: string): ProducerTag | undefined {
  const id = header(PRODUCER_ID);
  const epoch = header(PRODUCER_EPOCH);
  const sequence = header(PRODUCER_SEQUENCE);
  if (id === undefined && epoch === undefined && sequence === undefined) return undefined;
  if (id === undefined || epoch === undefined || sequence === undefined) {
    const all = `${PRODUCER_ID}, ${PRODUCER_EPOCH} and ${PRODUCER_SEQUENCE}`;
    throw userError("header_invalid", where, `${all} belong together, only some of them were sent`);
  }
  checkText(id, PRODUCER_ID, PRODUCER_ID_BYTES_MAX, where);
  return {
    id,
    epoch: countOf(epoch, PRODUCER_EPOCH, where),
    sequence: countOf(sequence, PRODUCER_SEQUENCE, where),
  };
}

export function sequenceOf(header: HeaderReader, where: string): string | undefined {
  const sequence = header(SEQUENCE);
  if (sequence !== undefined) checkText(sequence, SEQUENCE, STREAM_SEQUENCE_BYTES_MAX, where);
  return sequence;
}

const encoder = new TextEncoder();

function checkText(text: string, name: string, bytesMax: number, where: string): void {
  if (text !== "" && encoder.encode(JSON.stringify(text)).byteLength <= bytesMax) return;
  throw userError("header_invalid", where, `${name} has to be 1 to ${bytesMax - 2} bytes long`);
}

export const wantsClose = (header: HeaderReader): boolean => header(CLOSED)?.toLowerCase() === "true";

export interface Lifetime {
  readonly ttlSeconds: number | undefined;
  readonly expiresAt: string | undefined;
}

const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

export function lifetimeOf(header: HeaderReader, where: string): Lifetime {
  const ttl = header(TTL);
  const expiresAt = header(EXPIRES_AT);
  if (ttl !== undefined && expiresAt !== undefined) {
    throw userError("header_invalid", where, `${TTL} and ${EXPIRES_AT} exclude each other, both were sent`);
  }
  if (expiresAt !== undefined && (!TIMESTAMP.test(expiresAt) || Number.isNaN(Date.parse(expiresAt)))) {
    const found = `${EXPIRES_AT} is ${JSON.stringify(expiresAt)}`;
    throw userError("header_invalid", where, `${found}, it has to be a time like 2026-01-31T12:00:00Z`);
  }
  return { ttlSeconds: ttl === undefined ? undefined : countOf(ttl, TTL, where), expiresAt };
}

export function contentTypeOf(header: HeaderReader, where: string): string | undefined {
  const contentType = header("Content-Type");
  if (contentType === undefined || contentType.trim() === "") return undefined;
  if (isMediaType(contentType)) return contentType;
  throw userError("header_invalid", where, "Content-Type is no media type; application/json would be one");
}

export type Live = "none" | "long-poll" | "sse";

export interface ReadRequest {
  readonly from: number | "now";
  readonly live: Live;
  readonly cursor: string | undefined;
}

/** Reads the query of a GET; unknown parameters are ignored, as the protocol wants. */
export function readRequestOf(query: (name: string) => readonly string[] | undefined, where: string): ReadRequest {
  const offsets = query("offset") ?? [];
  const lives = query("live") ?? [];
  if (offsets.length > 1 || lives.length > 1) {
    throw userError("query_invalid", where, "offset and live may stand once in a query");
  }
  const [live = "none"] = lives;
  if (live !== "none" && live !== "long-poll" && live !== "sse") {
    throw userError("query_invalid", where, `live=${live.slice(0, 40)} is not known: long-poll or sse would be right`);
  }
  const [offset] = offsets;
  if (offset === undefined && live !== "none") {
    throw userError("query_invalid", where, `live=${live} needs an offset: -1 for the start, now for the end`);
  }
  const from = offset === undefined ? 0 : parseOffset(offset);
  if (from === undefined) {
    const found = `offset=${offset?.slice(0, 40)} is no offset of this log`;
    throw userError("offset_invalid", where, `${found}: take one from ${NEXT_OFFSET}, or -1, or now`);
  }
  return { from, live, cursor: query("cursor")?.[0] };
}

const STATUS_OF_CODE: Readonly<Record<string, ErrorStatus>> = {
  log_not_found: 404,
  log_closed: 409,
  log_exists: 409,
  content_type_mismatch: 409,
  sequence_gap: 409,
  stream_sequence: 409,
  stale_epoch: 403,
  body_too_large: 413,
  record_too_large: 413,
  append_too_large: 413,
  encoding_unsupported: 415,
  forks_unsupported: 501,
  producers_exhausted: 507,
};
export type ErrorStatus = 400 | 403 | 404 | 409 | 413 | 415 | 500 | 501 | 503 | 507;

export function statusOf(error: MillraceError): ErrorStatus {
  const known = STATUS_OF_CODE[error.code];
  if (known !== undefined) return known;
  if (error.fault === "user") return 400;
  return error.fault === "external" && error.retry === "backoff" ? 503 : 500;
}
