// NDJSON files as a source. Each file is cut into byte ranges of whole lines; a range is a split.
//
// Invariants:
// - A split's detail `{path, start, end, fingerprint}` and position `{offset}` say all that reading on needs; lines
//   that are appended to the file after the splits were made belong to none of them.
// - A file that is not the one that the splits were made of is refused, as far as size, the range's first bytes
//   and the line feed before the position can tell.
// - Every split decodes in its own input space: its text stays valid while other splits are read.
//
// The next chunk is read while the lines of the one before are decoded:
//
//   file → chunk (JavaScript memory) → input space of the decoder (WASM memory) → columns of the region

import { assert } from "../base/assert.ts";
import type { Bytes } from "../base/bytes.ts";
import { asSplitId } from "../base/ids.ts";
import { NdjsonDecoder, type RejectedLine } from "../formats/ndjson_decoder.ts";
import type { SourceNode } from "../graph/plan.ts";
import type { FileHandle, Files } from "../platform/ports.ts";
import { cutIntoLines, fingerprintOf, isLineStart } from "./line_ranges.ts";
import { distinctPaths, fileChanged, listedPath } from "./listed_files.ts";
import type {
  PlainData,
  ReadOutcome,
  ReadTarget,
  RejectedRow,
  SourceConnector,
  SourceSplit,
  SplitReader,
} from "./source.ts";
import { countField, plainObject, textField } from "./split_data.ts";

/** Bytes of one read: several batches, so that waiting for the file is rare; larger ones fall out of the cache. */
const CHUNK_BYTES = 512 * 1024;

export function ndjsonFileSource(files: Files, node: SourceNode): SourceConnector {
  const spec = node.connector;
  assert(spec.kind === "ndjson_file", "the node's connector is an NDJSON file source");
  return {
    schema: node.output,
    bounded: true,
    enumerate: () => enumerate(files, distinctPaths(node, spec.paths), spec.splits),
    open: (split, position, target) => open(files, spec.paths, split, position, target),
  };
}

async function enumerate(files: Files, paths: readonly string[], splits: number): Promise<readonly SourceSplit[]> {
  const found: SourceSplit[] = [];
  for (const path of paths) {
    const handle = await files.open(path);
    try {
      for (const range of await cutIntoLines(handle, splits)) {
        found.push({ id: asSplitId(`${path}:${range.start}`), detail: { path, ...range } });
      }
    } finally {
      await handle.close();
    }
  }
  return found;
}

async function open(
  files: Files,
  paths: readonly string[],
  split: SourceSplit,
  position: PlainData | undefined,
  target: ReadTarget,
): Promise<SplitReader> {
  const where = `split ${split.id}`;
  const detail = plainObject(split.detail, where);
  const path = listedPath(paths, textField(detail, "path", where));
  const start = countField(detail, "start", where);
  const end = countField(detail, "end", where, start);
  const fingerprint = countField(detail, "fingerprint", where);
  const offset = position === undefined ? start : countField(plainObject(position, where), "offset", where, start, end);
  const handle = await files.open(path);
  try {
    const size = handle.sizeBytes;
    if (size < end) throw fileChanged(path, `it has ${size} bytes, and had at least ${end}`);
    if ((await fingerprintOf(handle, start, end)) !== fingerprint) {
      throw fileChanged(path, `its bytes from ${start} on are others`);
    }
    if (offset !== start && offset !== size && !(await isLineStart(handle, offset))) {
      throw fileChanged(path, `no line begins at byte ${offset} any more`);
    }
    return new NdjsonSplitReader(handle, path, { start, end, offset }, target);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** A read that is under way never rejects: nobody may be waiting for it when it fails. */
type ReadAhead = Promise<{ readonly bytes: Bytes } | { readonly error: unknown }>;

class NdjsonSplitReader implements SplitReader {
  readonly #handle: FileHandle;
  readonly #path: string;
  readonly #start: number;
  readonly #end: number;
  readonly #decoder: NdjsonDecoder;
  readonly #chunk: Bytes;
  #ahead: ReadAhead | undefined;
  /** Behind the last byte that was asked for. */
  #asked: number;
  /** What the decoder had no room for yet of the chunk. */
  #rest: Bytes;
  #hungry = true;
  #drained = false;
  #released = false;
  #offset: number;

  constructor(
    handle: FileHandle,
    path: string,
    range: { readonly start: number; readonly end: number; readonly offset: number },
    { kernel, region }: ReadTarget,
  ) {
    this.#handle = handle;
    this.#path = path;
    this.#start = range.start;
    this.#end = range.end;
    this.#offset = range.offset;
    this.#asked = range.offset;
    this.#decoder = new NdjsonDecoder(kernel, region, range.offset);
    this.#chunk = new Uint8Array(Math.min(CHUNK_BYTES, range.end - range.offset));
    this.#rest = this.#chunk.subarray(0, 0);
  }

  async read(rowsMax: number): Promise<ReadOutcome> {
    while (!this.#drained) {
      if (this.#hungry) await this.#refill();
      const outcome = this.#decoder.decode(rowsMax);
      this.#hungry = outcome.needsInput;
      this.#drained = outcome.ended;
      this.#offset = outcome.ended ? this.#end : this.#decoder.offset;
      if (outcome.rows > 0 || outcome.rejected.length > 0) {
        return { kind: "rows", rejected: outcome.rejected.map((line) => rejectedRow(this.#path, line)) };
      }
    }
    await this.close();
    return { kind: "end" };
  }

  async #refill(): Promise<void> {
    if (this.#rest.byteLength === 0) {
      if (this.#ahead === undefined && this.#asked < this.#end) this.#readAhead();
      const result = await this.#ahead;
      if (result === undefined) return this.#decoder.finish();
      if ("error" in result) throw result.error;
      this.#ahead = undefined;
      this.#rest = result.bytes;
    }
    const taken = this.#decoder.feed(this.#rest);
    assert(taken > 0, "a decoder that needs input has room for it");
    this.#rest = this.#rest.subarray(taken);
    if (this.#rest.byteLength === 0 && this.#asked < this.#end) this.#readAhead();
  }

  /** Starts to fill the chunk again: the decoder has copied what was in it. */
  #readAhead(): void {
    const into = this.#chunk.subarray(0, Math.min(this.#chunk.byteLength, this.#end - this.#asked));
    const changed = (count: number) =>
      fileChanged(this.#path, `it ends ${into.byteLength - count} bytes too early, before byte ${this.#end}`);
    this.#ahead = this.#handle.read(this.#asked, into).then(
      (count) => (count === into.byteLength ? { bytes: into } : { error: changed(count) }),
      (error: unknown) => ({ error }),
    );
    this.#asked += into.byteLength;
  }

  position(): PlainData {
    return { offset: this.#offset };
  }

  progress(): number {
    return this.#end === this.#start ? 1 : (this.#offset - this.#start) / (this.#end - this.#start);
  }

  async close(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    this.#decoder.free();
    await this.#ahead;
    await this.#handle.close();
  }
}

const rejectedRow = (path: string, { offset, reason, raw }: RejectedLine): RejectedRow => ({
  position: `${path}:${offset}`,
  reason,
  raw,
});
