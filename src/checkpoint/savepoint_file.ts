// The savepoint file: everything that a job needs to go on somewhere else, in one self-contained, versioned file.
//
// A CBOR sequence (RFC 8742). Every item is an array [payload, digest]: `payload` a byte string that is itself CBOR,
// `digest` its SHA-256. In this order:
//
//   header      { kind: "header", magic, format, savepoint, jobId, jobName, branch, checkpoint, createdAtMs,
//                 maxParallelism, inputEnded, counters }
//   source      { kind: "source", uid, splits: [{ id, detail, position, finished, timestampMax }] }      one a source
//   state       { kind: "state", uid, state, schema: [{ name, type, nullable }], scalars: […], rows }   one a table
//   key_group   { kind: "key_group", keyGroup, rows, columns: [{ values, validity, bytes }] }       follow their table
//   end         { kind: "end", items, digest }      digest = SHA-256 over the digests of all items before it
//
// An operator has a section "state" for each of its tables. `scalars` are the small values beside the rows, one entry for
// each subtask that ran the operator; the rows are those of all of them. Columns are RFC 8746 typed arrays in the layout of
// `RecordBatch`: i64 and timestamp sint64, f64 float64, bool a bitmap, utf8 sint32 offsets with the text in `bytes`.
// Nothing is pending in a savepoint: it is written after the commits of its checkpoint are recorded.
//
// Invariant: `readSavepoint` accepts a file only when every digest, count, length and range in it holds.

import { cborItemLength, decodeCbor, encodeCbor } from "../base/cbor.ts";
import { type Bytes, concatBytes, equalBytes } from "../base/bytes.ts";
import type { RecordBatch } from "../batch/record_batch.ts";
import type { Digest } from "../platform/ports.ts";
import type { SourceSnapshot } from "../protocol/snapshot.ts";
import {
  corrupt,
  type ItemPayload,
  type Savepoint,
  SAVEPOINT_FORMAT,
  SAVEPOINT_MAGIC,
  type SavepointState,
} from "./savepoint.ts";
import { readHeader, readKeyGroup, readSource, readState } from "./savepoint_sections.ts";
import { columnsOf, splitByKeyGroup } from "./savepoint_columns.ts";

class SequenceWriter {
  readonly #digest: Digest;
  readonly #items: Bytes[] = [];
  readonly #digests: Bytes[] = [];

  constructor(digest: Digest) {
    this.#digest = digest;
  }
  add(payload: unknown): void {
    const bytes = encodeCbor(payload);
    const digest = sha256(this.#digest, bytes);
    this.#items.push(encodeCbor([bytes, digest]));
    this.#digests.push(digest);
  }
  finish(): Bytes {
    const digest = sha256(this.#digest, concatBytes(this.#digests));
    this.add({ kind: "end", items: this.#items.length, digest });
    return concatBytes(this.#items);
  }
}

function sha256(digest: Digest, bytes: Uint8Array): Bytes {
  const stream = digest.sha256();
  stream.update(bytes);
  return stream.finish();
}

/** In steps of one key group, between which whoever writes a large one can do other work. */
export function* savepointSteps(savepoint: Savepoint, digest: Digest): Generator<undefined, Bytes> {
  const writer = new SequenceWriter(digest);
  writer.add({ kind: "header", magic: SAVEPOINT_MAGIC, format: SAVEPOINT_FORMAT, ...savepoint.header });
  for (const { uid, splits } of savepoint.sources) writer.add({ kind: "source", uid, splits });
  for (const { uid, state, schema, scalars, batches } of savepoint.states) {
    const rows = batches.reduce((sum, batch) => sum + batch.rowCount, 0);
    writer.add({ kind: "state", uid, state, schema, scalars, rows });
    for (const group of splitByKeyGroup(batches)) {
      const columns = columnsOf(group.batch);
      writer.add({ kind: "key_group", keyGroup: group.keyGroup, rows: group.batch.rowCount, columns });
      yield;
    }
  }
  return writer.finish();
}

export function writeSavepoint(savepoint: Savepoint, digest: Digest): Bytes {
  const steps = savepointSteps(savepoint, digest);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** Throws `savepoint_corrupt`, naming `where` and the byte, for anything but a whole and true savepoint file. */
export function readSavepoint(bytes: Uint8Array, digest: Digest, where: string): Savepoint {
  const payloads = readItems(bytes, digest, where);
  const header = readHeader(payloads[0] as ItemPayload, where);
  const sources: SourceSnapshot[] = [];
  const states: (Omit<SavepointState, "batches"> & { readonly rows: number; readonly batches: RecordBatch[] })[] = [];
  let lastKeyGroup = -1;
  for (const item of payloads.slice(1)) {
    switch (item.kind) {
      case "source": {
        if (states.length > 0) throw corrupt(where, item.at, "a source after a state");
        const source = readSource(item, where);
        if (sources.some((one) => one.uid === source.uid)) throw corrupt(where, item.at, "a source twice");
        sources.push(source);
        break;
      }
      case "state":
        states.push({ ...readState(item, header.maxParallelism, where), batches: [] });
        checkBesideOthers(states, item.at, where);
        lastKeyGroup = -1;
        break;
      case "key_group": {
        const owner = states.at(-1);
        if (owner === undefined) throw corrupt(where, item.at, "a key group without a state");
        const { keyGroup, batch } = readKeyGroup(item, owner.schema, header.maxParallelism, where);
        if (keyGroup <= lastKeyGroup) throw corrupt(where, item.at, "key groups out of order");
        lastKeyGroup = keyGroup;
        owner.batches.push(batch);
        break;
      }
      default:
        throw corrupt(where, item.at, `an unexpected section "${item.kind.slice(0, 40)}"`);
    }
  }
  return { header, sources, states: states.map((one) => withoutCount(one, where)) };
}

function withoutCount(one: SavepointState & { readonly rows: number }, where: string): SavepointState {
  const { rows, ...state } = one;
  const found = state.batches.reduce((sum, batch) => sum + batch.rowCount, 0);
  if (found === rows) return state;
  throw corrupt(where, 0, `state "${state.state}" of ${state.uid} has ${found} rows where it announces ${rows}`);
}

/** The newest one is no second table of its name, and has as many scalars as its operator's other tables. */
function checkBesideOthers(states: readonly Omit<SavepointState, "batches">[], at: number, where: string): void {
  const newest = states.at(-1);
  for (const one of states.slice(0, -1)) {
    if (one.uid !== newest?.uid) continue;
    if (one.state === newest.state) throw corrupt(where, at, `the state "${one.state}" of ${one.uid} twice`);
    const counts = [one.scalars.length, newest.scalars.length];
    if (counts[0] !== counts[1]) throw corrupt(where, at, `states of ${one.uid} of ${counts.join(" and ")} subtasks`);
  }
}

function readItems(bytes: Uint8Array, digest: Digest, where: string): ItemPayload[] {
  const payloads: ItemPayload[] = [];
  const digests: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.byteLength) {
    const { payload, found, length } = readItem(bytes, at, digest, where);
    const value = decodeCbor(payload, where);
    if (value === null || typeof value !== "object" || Array.isArray(value))
      throw corrupt(where, at, "a section that is no map");
    const record = value as Record<string, unknown>;
    const kind = String(record.kind);
    if (kind === "end") {
      checkEnd(record, digests, digest, where, at);
      if (at + length !== bytes.byteLength) throw corrupt(where, at + length, "bytes after the end");
      if (payloads[0]?.kind !== "header") throw corrupt(where, 0, "no header");
      return payloads;
    }
    payloads.push({ at, kind, value: record });
    digests.push(found);
    at += length;
  }
  throw corrupt(where, at, bytes.byteLength === 0 ? "the file is empty" : "it ends before its end section");
}

function readItem(bytes: Uint8Array, at: number, digest: Digest, where: string) {
  let length: number;
  try {
    length = cborItemLength(bytes, at, where);
  } catch (error) {
    throw corrupt(where, at, (error as Error).message);
  }
  const item = decodeCbor(bytes.subarray(at, at + length), where);
  const [payload, found] = Array.isArray(item) ? item : [];
  if (!Array.isArray(item) || item.length !== 2 || !(payload instanceof Uint8Array) || !(found instanceof Uint8Array)) {
    throw corrupt(where, at, "an item that is not [payload, digest]");
  }
  // One encoding only: otherwise bits of the framing could change without being noticed.
  if (!equalBytes(encodeCbor(item), bytes.subarray(at, at + length)))
    throw corrupt(where, at, "an item in a foreign encoding");
  if (!equalBytes(sha256(digest, payload), found)) throw corrupt(where, at, "a section whose digest does not match");
  return { payload, found, length };
}

function checkEnd(
  end: Record<string, unknown>,
  digests: readonly Uint8Array[],
  digest: Digest,
  where: string,
  at: number,
): void {
  if (end.items !== digests.length)
    throw corrupt(where, at, `${digests.length} sections where ${String(end.items)} are announced`);
  const whole = sha256(digest, concatBytes(digests));
  if (!(end.digest instanceof Uint8Array) || !equalBytes(end.digest, whole)) {
    throw corrupt(where, at, "the digest over all sections does not match");
  }
}
