// Cuts a file of lines into byte ranges at line starts, and recognises a range when it is read again later.
//
//   file    | line | line | line …        | line | line |
//   ranges  | 0                     …     | 1           |     each begins where a line begins; together they are the file
//
// Invariant: the ranges depend on the file's bytes and the count of ranges alone; none is empty.

import type { FileHandle } from "../platform/ports.ts";

const LINE_FEED = 10;
const SEARCH_BYTES = 64 * 1024;
const FINGERPRINT_BYTES = 4096;

export interface LineRange {
  readonly start: number;
  readonly end: number;
  /** Of the first bytes of the range: tells another file of the same name apart. */
  readonly fingerprint: number;
}

export async function cutIntoLines(handle: FileHandle, count: number): Promise<readonly LineRange[]> {
  const size = handle.sizeBytes;
  const ranges: LineRange[] = [];
  let start = 0;
  for (let index = 1; index <= count && start < size; index++) {
    const target = index === count ? size : Math.floor((size * index) / count);
    // A line that reaches over several targets leaves nothing for the ranges inside it.
    if (target <= start) continue;
    const end = await lineStartFrom(handle, target);
    ranges.push({ start, end, fingerprint: await fingerprintOf(handle, start, end) });
    start = end;
  }
  return ranges;
}

/** The first line start at or after `offset` (> 0); the file's size where there is none. */
async function lineStartFrom(handle: FileHandle, offset: number): Promise<number> {
  const block = new Uint8Array(SEARCH_BYTES);
  // A line starts right behind a line feed, so the byte before `offset` counts too.
  for (let at = offset - 1; at < handle.sizeBytes; ) {
    const read = await handle.read(at, block);
    if (read === 0) break;
    const feed = block.subarray(0, read).indexOf(LINE_FEED);
    if (feed >= 0) return at + feed + 1;
    at += read;
  }
  return handle.sizeBytes;
}

/** FNV-1a over up to 4 KiB; not meant against intent, only against mistakes. */
export async function fingerprintOf(handle: FileHandle, start: number, end: number): Promise<number> {
  const head = new Uint8Array(Math.min(FINGERPRINT_BYTES, end - start));
  const read = await handle.read(start, head);
  let hash = 0x811c9dc5;
  for (const byte of head.subarray(0, read)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** Whether a line may begin at `offset`: at the start of the file, or behind a line feed. */
export async function isLineStart(handle: FileHandle, offset: number): Promise<boolean> {
  if (offset === 0) return true;
  const before = new Uint8Array(1);
  return (await handle.read(offset - 1, before)) === 1 && before[0] === LINE_FEED;
}
