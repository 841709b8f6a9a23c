// The live tail of a log as server-sent events.
//
// Every `data` event is followed by a `control` event that carries the offset to go on from, so a client that
// reconnects neither loses nor repeats anything. What is not text travels as base64.

import type { Bytes } from "../base/bytes.ts";
import type { AbortSignalLike, Clock } from "../platform/ports.ts";
import type { LogHandle } from "../log/durable_log.ts";
import { mediaTypeOf } from "../log/media_type.ts";
import { formatOffset } from "../log/offset.ts";
import { bodyKindOf, joinPage } from "../log/record_body.ts";
import { cursorAfter } from "./log_protocol.ts";

const EVENT_PAGE_BYTES = 256 * 1024;

export function isText(contentType: string): boolean {
  return bodyKindOf(contentType) !== "bytes" || mediaTypeOf(contentType).startsWith("text/");
}

export interface TailOptions {
  readonly from: number;
  readonly cursor: string | undefined;
  /** The tail ends after so long; clients come back with the last offset, which lets connections move. */
  readonly durationMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignalLike;
}

/** Writes events until the log is closed, the time is over, or the client has gone. */
export async function writeTail(
  log: LogHandle,
  options: TailOptions,
  write: (event: string) => Promise<unknown>,
): Promise<void> {
  const { clock, signal } = options;
  const { contentType } = log.config;
  const encode = isText(contentType) ? textEncoder() : base64;
  const deadlineMs = clock.monotonicMs() + options.durationMs;
  let { from, cursor } = options;
  let greeted = false;
  while (!signal.aborted) {
    const page = await log.read(from, EVENT_PAGE_BYTES);
    const data = page.next > from ? event("data", encode(joinPage(contentType, page))) : "";
    if (data !== "" || page.closed || !greeted) {
      cursor = cursorAfter(cursor, clock.nowMs());
      // In one write: data whose offset is lost on the way would be sent again.
      await write(data + event("control", control(page.next, page.upToDate, page.closed, cursor)));
      greeted = true;
    }
    from = page.next;
    if (page.closed) return;
    const leftMs = deadlineMs - clock.monotonicMs();
    if (leftMs <= 0) return;
    if (page.upToDate) await log.waitForMore(from, leftMs, signal);
  }
}

function control(next: number, upToDate: boolean, closed: boolean, cursor: string): string {
  const streamNextOffset = formatOffset(next);
  if (closed) return JSON.stringify({ streamNextOffset, streamClosed: true, upToDate: true });
  return JSON.stringify({ streamNextOffset, streamCursor: cursor, ...(upToDate ? { upToDate: true } : {}) });
}

/** Each line gets a field of its own, whatever ends it, so that no payload can write an event. */
function event(name: "data" | "control", text: string): string {
  const lines = text.split(/\r\n|\r|\n/);
  // A reader takes one space behind the colon away, so a line that begins with one is given another.
  const fields = lines.map((line) => `data:${line.startsWith(" ") ? " " : ""}${line}\n`);
  return `event: ${name}\n${fields.join("")}\n`;
}

/** Keeps a character whole whose bytes were split between two appends. */
function textEncoder(): (bytes: Bytes) => string {
  const decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });
  return (bytes) => decoder.decode(bytes, { stream: true });
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

function base64(bytes: Bytes): string {
  const parts: string[] = [];
  for (let at = 0; at < bytes.byteLength; at += 3) {
    const left = bytes.byteLength - at;
    const group =
      ((bytes[at] as number) << 16) |
      ((left > 1 ? (bytes[at + 1] as number) : 0) << 8) |
      (left > 2 ? (bytes[at + 2] as number) : 0);
    parts.push(DIGITS.charAt(group >>> 18), DIGITS.charAt((group >>> 12) & 63));
    parts.push(left > 1 ? DIGITS.charAt((group >>> 6) & 63) : "=", left > 2 ? DIGITS.charAt(group & 63) : "=");
  }
  return parts.join("");
}
