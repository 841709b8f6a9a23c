// Bytes of an NDJSON stream into the columns of a batch region, by the scanner in `kernels/ndjson/`.
//
// A line is accepted exactly when a fatal UTF-8 decoder and JSON.parse accept it and it is an object whose fields fit
// the schema, within LINE_BYTES_MAX and JSON_DEPTH_MAX. In particular:
// - Lines end with a line feed; the last may lack it. Lines of white space only are skipped. A carriage return is
//   white space. A byte order mark is skipped at the start of the stream and is an error anywhere else.
// - Fields may come in any order; unknown ones are validated and skipped; of duplicate keys the last wins.
// - i64 keeps every digit; 1.0 and 2e3 are whole numbers too. f64 is the value that JSON.parse gives, Infinity for
//   1e999 included. Halves of surrogate pairs (legal escapes, but no text) are stored as U+FFFD.
// - A timestamp is a whole number of milliseconds or ISO 8601 text (`kernels/ndjson/time.ts`).
//
// Invariants:
// - `offset` is where the next undecoded line begins: a decoder started there yields the rest, row by row.
// - Text views of a batch point into this decoder's memory; they stay valid until the next `fed`, `feed` or `decode`.
// - Memory does not grow with the input: one input block, one arena, fixed lists.
//
// Input block:  16 spare | decoded | complete lines, not decoded | begin of a line | free | 64 spare
//                                  ^ at                          ^ linesEnd        ^ end

import { assert } from "../base/assert.ts";
import { userError } from "../base/errors.ts";
import { BATCH_ROWS_MAX, COLUMNS_MAX, LINE_BYTES_MAX, READ_CHUNK_BYTES } from "../base/limits.ts";
import type { BatchRegion } from "../kernel/batch_region.ts";
import type { KernelInstance } from "../kernel/instance.ts";
import { REASON_LINE_TOO_LONG, STOP_ARENA, STOP_INPUT, STOP_LISTS } from "../../kernels/ndjson/abi.ts";
import { NdjsonContext } from "./ndjson_context.ts";
import { reasonText } from "./ndjson_reasons.ts";

const INPUT_BYTES = 2 * 1024 * 1024;
const FRONT_SPARE = 16;
const BACK_SPARE = 64;
const RAW_BYTES_MAX = 1024;
const LINE_FEED = 10;

assert(INPUT_BYTES - FRONT_SPARE - BACK_SPARE > LINE_BYTES_MAX + READ_CHUNK_BYTES, "a line and a read fit the input");

/** A line that became no row. */
export interface RejectedLine {
  /** Byte offset of the line from the start of the stream. */
  readonly offset: number;
  readonly reason: string;
  /** The line, cut to at most 1 KiB, invalid UTF-8 replaced. */
  readonly raw: string;
}

export interface DecodeOutcome {
  /** Rows in the region now. */
  readonly rows: number;
  readonly rejected: readonly RejectedLine[];
  /** Every complete line has been decoded: feed more bytes, or `finish`. */
  readonly needsInput: boolean;
  /** The stream is finished and every line has been decoded. */
  readonly ended: boolean;
}

/** The rest of a line that is too long is passed over without being kept. */
interface SkippedLine {
  readonly offset: number;
  readonly raw: string;
  bytes: number;
}

export class NdjsonDecoder {
  readonly region: BatchRegion;
  readonly #kernel: KernelInstance;
  readonly #context: NdjsonContext;
  readonly #staging: Uint8Array<ArrayBuffer> = new Uint8Array(READ_CHUNK_BYTES);
  readonly #replacing = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });
  readonly #input: number;
  readonly #inputStart: number;
  readonly #inputStop: number;
  #at: number;
  #linesEnd: number;
  #end: number;
  /** Offset in the stream of the byte at `#inputStart`. */
  #startOffset: number;
  /** Offset in the stream behind the last byte that was fed. */
  #fedOffset: number;
  #markPossible: boolean;
  #finished = false;
  #skipped: SkippedLine | undefined;
  #rejected: RejectedLine[] = [];

  /** @param startOffset where in the stream the first byte that is fed stands; it must be the start of a line */
  constructor(kernel: KernelInstance, region: BatchRegion, startOffset = 0) {
    assert(region.kernel === kernel, "region and decoder share one memory");
    checkColumns(region);
    this.#kernel = kernel;
    this.region = region;
    this.#context = new NdjsonContext(kernel, region);
    this.#input = kernel.allocate(INPUT_BYTES);
    this.#inputStart = this.#input + FRONT_SPARE;
    this.#inputStop = this.#input + INPUT_BYTES - BACK_SPARE;
    this.#at = this.#inputStart;
    this.#linesEnd = this.#inputStart;
    this.#end = this.#inputStart;
    this.#startOffset = startOffset;
    this.#fedOffset = startOffset;
    this.#markPossible = startOffset === 0;
  }

  /** Byte offset, from the start of the stream, of the next undecoded line. */
  get offset(): number {
    const pending = this.#rejected[0] ?? this.#skipped;
    if (pending !== undefined) return pending.offset;
    return Math.min(this.#startOffset + this.#at - this.#inputStart, this.#fedOffset);
  }

  /** Bytes that can be fed now; above READ_CHUNK_BYTES after any `decode` that needed input. */
  get room(): number {
    return this.#inputStop - this.#inputStart - (this.#end - this.#at);
  }

  /** Where to read bytes into, before telling by `fed` how many; empty while the input block is full. */
  space(): Uint8Array<ArrayBuffer> {
    return this.#staging.subarray(0, Math.min(this.#staging.byteLength, this.room));
  }

  /** The first `count` bytes of `space()` hold the next bytes of the stream. */
  fed(count: number): void {
    assert(count <= this.#staging.byteLength, "no more was read than there was space for");
    this.feed(this.#staging.subarray(0, count));
  }

  /** Takes as much of `bytes` as there is room for, and says how much that was. */
  feed(bytes: Uint8Array): number {
    assert(!this.#finished, "nothing is fed behind the end of the stream");
    const room = this.room;
    const taken = this.#passOver(bytes.byteLength > room ? bytes.subarray(0, room) : bytes);
    // Reusing the same addresses keeps the input in the processor's cache.
    if (this.#at === this.#linesEnd || this.#end + taken.byteLength > this.#inputStop) this.#moveToFront();
    this.#kernel.bytes().set(taken, this.#end);
    const lastFeed = taken.lastIndexOf(LINE_FEED);
    if (lastFeed >= 0) this.#linesEnd = this.#end + lastFeed + 1;
    this.#end += taken.byteLength;
    const count = Math.min(room, bytes.byteLength);
    this.#fedOffset += count;
    return count;
  }

  /** No more bytes will come; the last line may lack its line feed. */
  finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    if (this.#skipped !== undefined) {
      this.#closeSkipped(this.#skipped);
    } else if (this.#end > this.#linesEnd) {
      this.#kernel.bytes()[this.#end++] = LINE_FEED;
      this.#linesEnd = this.#end;
    }
  }

  /** Fills the region with up to `rowsMax` rows, in the order of the stream. */
  decode(rowsMax: number): DecodeOutcome {
    assert(rowsMax > 0 && rowsMax <= Math.min(this.region.capacity, BATCH_ROWS_MAX), "the rows fit the region");
    this.#passMark();
    const stop = this.#at === this.#linesEnd ? this.#noLines() : this.#decodeLines(rowsMax);
    const needsInput = stop === STOP_INPUT;
    if (needsInput) this.#skipLongLine();
    const rows = this.region.rowCount;
    assert(stop !== STOP_ARENA || rows > 0, "the arena holds the strings of one line");
    const rejected = this.#rejected;
    this.#rejected = [];
    return { rows, rejected, needsInput: needsInput && !this.#finished, ended: needsInput && this.#finished };
  }

  #noLines(): number {
    this.region.rowCount = 0;
    return STOP_INPUT;
  }

  #decodeLines(rowsMax: number): number {
    const context = this.#context;
    context.begin(this.#at, this.#linesEnd, rowsMax);
    let stop: number;
    do {
      stop = context.run();
      this.#takeRejects();
      context.applyPatches();
      if (stop === STOP_ARENA && context.makeArena()) stop = STOP_LISTS;
    } while (stop === STOP_LISTS);
    this.#at = context.at;
    context.seal();
    return stop;
  }

  free(): void {
    this.#context.free();
    this.#kernel.free(this.#input, INPUT_BYTES);
  }

  #moveToFront(): void {
    const shift = this.#at - this.#inputStart;
    if (shift === 0) return;
    this.#kernel.bytes().copyWithin(this.#inputStart, this.#at, this.#end);
    this.#startOffset += shift;
    this.#at -= shift;
    this.#linesEnd -= shift;
    this.#end -= shift;
  }

  #passMark(): void {
    if (!this.#markPossible || (this.#end - this.#at < 3 && this.#linesEnd === this.#at)) return;
    this.#markPossible = false;
    const [first, second, third] = this.#kernel.bytes().subarray(this.#at, this.#at + 3);
    if (first === 0xef && second === 0xbb && third === 0xbf) this.#at += 3;
  }

  #takeRejects(): void {
    for (const { start, end, reason, column, position } of this.#context.takeRejects()) {
      this.#rejected.push({
        offset: this.#startOffset + start - this.#inputStart,
        reason: reasonText(reason, this.region.schema[column], position),
        raw: this.#rawText(start, end),
      });
    }
  }

  #rawText(start: number, end: number): string {
    return this.#replacing.decode(this.#kernel.bytes().slice(start, Math.min(end, start + RAW_BYTES_MAX)));
  }

  /** What has been read of the next line is too long already: forget it, and pass over what follows. */
  #skipLongLine(): void {
    const bytes = this.#end - this.#at;
    if (bytes <= LINE_BYTES_MAX) return;
    this.#skipped = { offset: this.offset, raw: this.#rawText(this.#at, this.#end), bytes };
    this.#at = this.#linesEnd = this.#end = this.#inputStart;
  }

  /** The part of `bytes` that lies behind the line that is being passed over. */
  #passOver(bytes: Uint8Array): Uint8Array {
    const skipped = this.#skipped;
    if (skipped === undefined) return bytes;
    const feed = bytes.indexOf(LINE_FEED);
    skipped.bytes += feed < 0 ? bytes.byteLength : feed + 1;
    if (feed < 0) return bytes.subarray(0, 0);
    this.#closeSkipped(skipped);
    return bytes.subarray(feed + 1);
  }

  #closeSkipped({ offset, raw, bytes }: SkippedLine): void {
    this.#rejected.push({ offset, reason: reasonText(REASON_LINE_TOO_LONG, undefined, 0), raw });
    this.#startOffset = offset + bytes;
    this.#skipped = undefined;
  }
}

function checkColumns({ schema }: BatchRegion): void {
  assert(schema.length <= COLUMNS_MAX, "the schema has at most COLUMNS_MAX columns");
  const names = new Set<string>();
  for (const { name } of schema) {
    if (names.has(name)) {
      throw userError("schema_invalid", `column ${JSON.stringify(name)}`, "two columns have the same name");
    }
    names.add(name);
    if (name !== name.toWellFormed()) {
      throw userError("schema_invalid", `column ${JSON.stringify(name)}`, "the name is not valid Unicode");
    }
  }
}
