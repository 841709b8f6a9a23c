// Runs the scanner over bytes cut into given pieces, and tells the first difference to the twin.

import type { Value } from "../../src/batch/record_batch.ts";
import { rowOf } from "../../src/batch/record_batch.ts";
import type { Schema } from "../../src/batch/schema.ts";
import { type DecodeOutcome, NdjsonDecoder } from "../../src/formats/ndjson_decoder.ts";
import { BatchRegion } from "../../src/kernel/batch_region.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import { type TwinOutcome, type TwinReason, twinDecode } from "./ndjson_twin.ts";

export const KERNEL_BYTES: number = 16 * 1024 * 1024;

export interface Scanned {
  readonly rows: Value[][];
  readonly rejected: { readonly offset: number; readonly reason: string; readonly raw: string }[];
}

/** One decoder that is reused for many inputs is made by `harness`; its region belongs to the schema. */
export interface Harness {
  readonly kernel: KernelInstance;
  readonly region: BatchRegion;
  decoder(startOffset?: number): NdjsonDecoder;
}

export function harness(kernels: WebAssembly.Module, schema: Schema): Harness {
  const kernel = new KernelInstance(kernels, KERNEL_BYTES);
  const region = new BatchRegion(kernel, schema);
  return { kernel, region, decoder: (startOffset = 0) => new NdjsonDecoder(kernel, region, startOffset) };
}

/** Feeds the pieces one by one, decoding all there is after each. */
export function scan(decoder: NdjsonDecoder, pieces: Iterable<Uint8Array>, rowsMax: number): Scanned {
  const scanned: Scanned = { rows: [], rejected: [] };
  for (const piece of pieces) {
    for (let fed = 0; fed < piece.byteLength || piece.byteLength === 0; ) {
      fed += decoder.feed(piece.subarray(fed));
      drain(decoder, rowsMax, scanned);
      if (piece.byteLength === 0) break;
    }
  }
  decoder.finish();
  drain(decoder, rowsMax, scanned);
  return scanned;
}

function drain(decoder: NdjsonDecoder, rowsMax: number, into: Scanned): void {
  let outcome: DecodeOutcome;
  do {
    outcome = decoder.decode(rowsMax);
    into.rejected.push(...outcome.rejected);
    if (outcome.rows === 0) continue;
    const batch = decoder.region.copyOut();
    for (let row = 0; row < batch.rowCount; row++) into.rows.push(rowOf(batch, row));
  } while (!outcome.needsInput && !outcome.ended);
}

/** The scanner's reason in the twin's words. */
export function reasonClass(reason: string): TwinReason {
  if (reason.startsWith("not valid JSON") || reason.startsWith("not UTF-8")) return "malformed";
  if (reason.startsWith("nested deeper")) return "too_deep";
  if (reason.startsWith("line is longer")) return "too_long";
  if (reason === "not a JSON object") return "not_object";
  const [, name, what] = /^field ("(?:[^"\\]|\\.)*") is (.*)$/s.exec(reason) ?? [];
  const kinds: [RegExp, string][] = [
    [/^missing;/, "missing"],
    [/^null;/, "null"],
    [/^not a whole number;/, "not_integer"],
    [/^outside the range/, "int64_range"],
    [/^no ISO 8601 time/, "time"],
    [/^not .*; the column is/, "type"],
  ];
  const kind = kinds.find(([pattern]) => pattern.test(what ?? ""));
  return `${kind?.[1]} ${JSON.parse(name ?? '""')}` as TwinReason;
}

/** What differs between the scanner's outcome and the twin's; undefined where nothing does. */
export function difference(scanned: Scanned, twin: TwinOutcome): string | undefined {
  const shown = (one: unknown): string =>
    JSON.stringify(one, (_key, value) => (typeof value === "bigint" ? `${value}n` : value));
  if (scanned.rows.length !== twin.rows.length) {
    return `${scanned.rows.length} rows instead of ${twin.rows.length}: ${shown(scanned.rejected)} ${shown(twin.rejected)}`;
  }
  if (scanned.rejected.length !== twin.rejected.length) {
    return `${scanned.rejected.length} rejected lines instead of ${twin.rejected.length}`;
  }
  for (const [index, wanted] of twin.rows.entries()) {
    const found = scanned.rows[index] as Value[];
    const wrong = wanted.findIndex((value, column) => !Object.is(value, found[column]));
    if (wrong >= 0) return `row ${index}, column ${wrong}: ${shown(found[wrong])} instead of ${shown(wanted[wrong])}`;
  }
  for (const [index, wanted] of twin.rejected.entries()) {
    const found = scanned.rejected[index] as Scanned["rejected"][number];
    const reason = reasonClass(found.reason);
    // The scanner stops where the line is too deep; JSON.parse goes on and may find the line malformed besides.
    const agrees = reason === wanted.reason || (reason === "too_deep" && wanted.reason === "malformed");
    if (found.offset !== wanted.offset || !agrees) {
      return `rejected line ${index}: ${shown(found)} instead of ${shown(wanted)}`;
    }
  }
  return undefined;
}

/** `bytes` in pieces of the given lengths, the last one repeated to the end. */
export function* cut(bytes: Uint8Array, lengths: readonly number[]): Generator<Uint8Array> {
  let at = 0;
  for (let index = 0; at < bytes.byteLength; index++) {
    const length = Math.max(1, lengths[Math.min(index, lengths.length - 1)] ?? bytes.byteLength);
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

/** Scanner against twin over the same bytes. */
export function compare(
  made: Harness,
  bytes: Uint8Array,
  lengths: readonly number[] = [bytes.byteLength],
  rowsMax = 4096,
): string | undefined {
  const decoder = made.decoder();
  const scanned = scan(decoder, cut(bytes, lengths), rowsMax);
  const offset = decoder.offset;
  decoder.free();
  if (offset !== bytes.byteLength) return `the decoder ends at ${offset} of ${bytes.byteLength}`;
  return difference(scanned, twinDecode(bytes, made.region.schema));
}
