// Reading the sections of a savepoint file: every field is checked before it is believed.
// A digest only shows that the bytes are what their writer wrote; who wrote them is unknown.

import type { PlainData } from "../base/plain.ts";
import { COLUMNS_MAX, MAX_PARALLELISM_LIMIT } from "../base/limits.ts";
import { asOperatorUid, asSplitId } from "../base/ids.ts";
import { bitmapBytes, type Column, type RecordBatch } from "../batch/record_batch.ts";
import type { DataType, Field, Schema } from "../batch/schema.ts";
import { encodeBatch } from "../batch/wire.ts";
import { decodeBatch } from "../batch/wire_decode.ts";
import type { SourceSnapshot, SplitSnapshot, TaskCounters } from "../protocol/snapshot.ts";
import { corrupt, type ItemPayload, SAVEPOINT_FORMAT, SAVEPOINT_MAGIC, type SavepointHeader } from "./savepoint.ts";

const dataTypes: readonly DataType[] = ["i64", "f64", "bool", "utf8", "timestamp"];

/** Reads the fields of one section, complaining with its place. */
class SectionReader {
  readonly #item: ItemPayload;
  readonly #where: string;

  constructor(item: ItemPayload, where: string) {
    this.#item = item;
    this.#where = where;
  }
  fail(why: string): never {
    throw corrupt(this.#where, this.#item.at, `in section "${this.#item.kind}": ${why}`);
  }
  text(name: string): string {
    const value = this.#item.value[name];
    return typeof value === "string" ? value : this.fail(`"${name}" is no text`);
  }
  count(name: string, max = Number.MAX_SAFE_INTEGER): number {
    const value = this.#item.value[name];
    if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > max) {
      return this.fail(`"${name}" is not a whole number from 0 to ${max}`);
    }
    return value;
  }
  flag(name: string): boolean {
    const value = this.#item.value[name];
    return typeof value === "boolean" ? value : this.fail(`"${name}" is neither true nor false`);
  }
  list(name: string): readonly unknown[] {
    const value = this.#item.value[name];
    return Array.isArray(value) ? value : this.fail(`"${name}" is no list`);
  }
  record(value: unknown, what: string): Readonly<Record<string, unknown>> {
    if (value === null || typeof value !== "object" || Array.isArray(value) || ArrayBuffer.isView(value)) {
      return this.fail(`${what} is no map`);
    }
    return value as Readonly<Record<string, unknown>>;
  }
}

function isPlain(value: unknown): value is PlainData {
  if (value === null || typeof value === "boolean" || typeof value === "string") return true;
  if (typeof value === "number") return Number.isFinite(value);
  if (Array.isArray(value)) return value.every(isPlain);
  if (typeof value !== "object" || ArrayBuffer.isView(value)) return false;
  return Object.values(value as object).every(isPlain);
}

export function readHeader(item: ItemPayload, where: string): SavepointHeader {
  const read: SectionReader = new SectionReader(item, where);
  if (read.text("magic") !== SAVEPOINT_MAGIC) read.fail("the magic is not that of a savepoint");
  const format = read.count("format");
  if (format !== SAVEPOINT_FORMAT)
    read.fail(`format ${format} is not readable; this version reads ${SAVEPOINT_FORMAT}`);
  const maxParallelism = read.count("maxParallelism", MAX_PARALLELISM_LIMIT);
  if (maxParallelism === 0) read.fail('"maxParallelism" is 0');
  return {
    savepoint: read.text("savepoint"),
    jobId: read.text("jobId"),
    jobName: read.text("jobName"),
    branch: read.text("branch"),
    checkpoint: read.count("checkpoint"),
    createdAtMs: read.count("createdAtMs"),
    maxParallelism,
    inputEnded: read.flag("inputEnded"),
    counters: readCounters(read, read.record(item.value.counters, '"counters"')),
  };
}

function readCounters(read: SectionReader, counters: Readonly<Record<string, unknown>>): TaskCounters {
  const count = (name: keyof TaskCounters): number => {
    const value = counters[name];
    return typeof value === "number" && Number.isInteger(value) && value >= 0
      ? value
      : read.fail(`counter "${name}" is no count`);
  };
  return {
    rowsIn: count("rowsIn"),
    rowsRejected: count("rowsRejected"),
    rowsLate: count("rowsLate"),
    rowsOut: count("rowsOut"),
  };
}

export function readSource(item: ItemPayload, where: string): SourceSnapshot {
  const read: SectionReader = new SectionReader(item, where);
  const splits = read.list("splits").map((one): SplitSnapshot => {
    const split = read.record(one, "a split");
    const { id, detail, position, finished, timestampMax } = split;
    if (typeof id !== "string" || typeof finished !== "boolean") read.fail("a split without id or state");
    if (!isPlain(detail) || !isPlain(position)) read.fail(`split ${id} has a position that is no plain data`);
    if (timestampMax !== null && !(typeof timestampMax === "string" && isInt64(timestampMax))) {
      read.fail(`split ${id} has an event time that is no 64-bit integer`);
    }
    return { id: asSplitId(id), detail, position, finished, timestampMax };
  });
  const ids = new Set(splits.map((split) => split.id));
  if (ids.size !== splits.length) read.fail("a split twice");
  return { uid: asOperatorUid(read.text("uid")), splits };
}

const isInt64 = (text: string): boolean =>
  /^-?\d{1,19}$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text);

export function readState(item: ItemPayload, maxParallelism: number, where: string) {
  const read: SectionReader = new SectionReader(item, where);
  const listed = read.list("schema");
  if (listed.length === 0 || listed.length > COLUMNS_MAX) read.fail(`a schema of ${listed.length} columns`);
  const schema = listed.map((one): Field => {
    const { name, type, nullable } = read.record(one, "a column");
    if (typeof name !== "string" || typeof nullable !== "boolean" || !dataTypes.includes(type as DataType)) {
      return read.fail("a column without name, known type or nullability");
    }
    return { name, type: type as DataType, nullable };
  });
  const [first] = schema;
  if (first?.name !== "key_group" || first.type !== "i64") read.fail("the first column is not the key group");
  const scalars = read.list("scalars");
  if (scalars.length === 0 || scalars.length > maxParallelism) read.fail(`scalars of ${scalars.length} subtasks`);
  if (!isPlain(scalars)) return read.fail('"scalars" is no plain data');
  const [uid, state, rows] = [read.text("uid"), read.text("state"), read.count("rows")];
  return { uid, state, schema, scalars: scalars as readonly PlainData[], rows };
}

export function readKeyGroup(
  item: ItemPayload,
  schema: Schema,
  maxParallelism: number,
  where: string,
): { keyGroup: number; batch: RecordBatch } {
  const read: SectionReader = new SectionReader(item, where);
  const keyGroup = read.count("keyGroup", maxParallelism - 1);
  const rows = read.count("rows", 2 ** 24);
  const listed = read.list("columns");
  if (listed.length !== schema.length) read.fail(`${listed.length} columns where the schema has ${schema.length}`);
  const columns = schema.map((field, index) => readColumn(read, field, listed[index], rows));
  const batch: RecordBatch = { schema, rowCount: rows, columns, weights: undefined };
  const groups = columns[0];
  if (groups?.type !== "i64" || groups.values.some((one) => one !== BigInt(keyGroup)))
    read.fail("a row of another key group");
  return { keyGroup, batch: checkedByWireRules(read, batch) };
}

/** The wire format's decoder knows every rule of a well-formed batch; there is no second set of rules here. */
function checkedByWireRules(read: SectionReader, batch: RecordBatch): RecordBatch {
  try {
    return decodeBatch(encodeBatch(batch));
  } catch (error) {
    return read.fail((error as Error).message);
  }
}

function readColumn(read: SectionReader, field: Field, stored: unknown, rows: number): Column {
  const { values, validity, bytes } = read.record(stored, `column "${field.name}"`);
  const bad = (): never => read.fail(`column "${field.name}" does not hold ${rows} values of type ${field.type}`);
  if (validity !== null && !(validity instanceof Uint8Array && validity.byteLength === bitmapBytes(rows))) bad();
  if (validity !== null && !field.nullable) read.fail(`column "${field.name}" has nulls but is not nullable`);
  const present = validity === null ? undefined : new Uint8Array(validity as Uint8Array);
  switch (field.type) {
    case "i64":
    case "timestamp":
      if (!(values instanceof BigInt64Array) || values.length !== rows) return bad();
      return { type: field.type, values: new BigInt64Array(values), validity: present };
    case "f64":
      if (!(values instanceof Float64Array) || values.length !== rows) return bad();
      return { type: "f64", values: new Float64Array(values), validity: present };
    case "bool":
      if (!(values instanceof Uint8Array) || values.byteLength !== bitmapBytes(rows)) return bad();
      return { type: "bool", bits: new Uint8Array(values), validity: present };
    case "utf8":
      if (!(values instanceof Int32Array) || values.length !== rows + 1 || !(bytes instanceof Uint8Array)) return bad();
      return { type: "utf8", offsets: new Int32Array(values), bytes: new Uint8Array(bytes), validity: present };
  }
}
