// What log sources and log sinks need of the durable log (`src/log` implements it; connectors get it injected).
//
// A log is a sequence of records, numbered from 0 without gaps. Records travel in chunks as they are stored:
//
//   chunk.bytes    | record first | LF | record first+1 | LF | ...
//   chunk.lengths    byte length of each record, its LF not counted
//
// so a chunk of JSON records is NDJSON as it stands, unless `multiline` says that a record holds a line break of
// its own (whitespace between JSON tokens; JSON text never has one inside a string).

import type { Bytes } from "../base/bytes.ts";
import type { CommitScope } from "./sink.ts";

export interface LogFacts {
  /** Never used again, not even for a log of the same name. */
  readonly id: string;
  readonly name: string;
  readonly contentType: string;
  /** The sequence that the next record will get; also the count of records. */
  readonly next: number;
  /** A closed log never grows again. */
  readonly closed: boolean;
}

export interface LogChunk {
  readonly first: number;
  readonly lengths: Uint32Array<ArrayBuffer>;
  readonly bytes: Bytes;
  readonly multiline: boolean;
}

export interface LogPage {
  readonly from: number;
  /** The sequence after the last record of the page; where to read on. */
  readonly next: number;
  readonly chunks: readonly LogChunk[];
  /** Nothing more was stored when the page was read. */
  readonly upToDate: boolean;
  /** The log is closed and `next` is its end. */
  readonly closed: boolean;
}

/** One staged byte string of a sink: lines of NDJSON, one record each, with the id that makes its commit single. */
export interface LogCommittable {
  readonly checkpoint: number;
  readonly index: number;
  readonly records: readonly Uint8Array[];
}

export interface LogStore {
  /** Undefined where there is no such log. */
  describe(name: string): Promise<LogFacts | undefined>;
  /** Records from `from` on, about `bytesMax` of them and at least one where there is one. Refuses with `log_not_found`. */
  read(name: string, from: number, bytesMax: number): Promise<LogPage>;
  /** Resolves when the log has a record at `from`, is closed or deleted, or after `timeoutMs`. */
  waitForMore(name: string, from: number, timeoutMs: number): Promise<void>;
  /** Creates the log (JSON) where it is missing and raises the fence; an older generation is refused with `fenced`. */
  prepareCommits(name: string, scope: CommitScope): Promise<void>;
  /** Fence, ledger and records in one transaction; what the ledger holds already is skipped. */
  commit(name: string, scope: CommitScope, committables: readonly LogCommittable[]): Promise<void>;
}

/** The records of a page, one by one; views into the page's chunks. */
export function recordsOf(page: LogPage): Bytes[] {
  const records: Bytes[] = [];
  for (const chunk of page.chunks) {
    let offset = 0;
    for (const length of chunk.lengths) {
      records.push(chunk.bytes.subarray(offset, offset + length));
      offset += length + 1;
    }
  }
  return records;
}

/** The chunk as NDJSON: its own bytes, or a copy whose line breaks within records have become spaces. */
export function ndjsonOf(chunk: LogChunk): Bytes {
  if (!chunk.multiline) return chunk.bytes;
  const bytes = chunk.bytes.slice();
  let offset = 0;
  for (const length of chunk.lengths) {
    for (const end = offset + length; offset < end; offset++) {
      if (bytes[offset] === 0x0a || bytes[offset] === 0x0d) bytes[offset] = 0x20;
    }
    offset += 1;
  }
  return bytes;
}
