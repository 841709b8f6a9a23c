// A Parquet file, read row group by row group into standalone batches of the columns that are asked for.
//
// Invariants:
// - Whatever the bytes are, a call returns rows or throws a MillraceError that names the file: `parquet_corrupt` where
//   the bytes contradict themselves, `parquet_unsupported` where they use what this reader does not know.

import { parquetMetadataAsync } from "hyparquet/src/index.js";
import { assert } from "../base/assert.ts";
import { corruptionError, MillraceError, userError } from "../base/errors.ts";
import type { Column, RecordBatch } from "../batch/record_batch.ts";
import type { Schema } from "../batch/schema.ts";
import type { FileHandle } from "../platform/ports.ts";
import { decompressorsFor } from "./parquet_codecs.ts";
import { chunkRange, decodeChunk } from "./parquet_column.ts";
import { matchColumns } from "./parquet_schema.ts";
import { columnOfPages, type Page } from "./parquet_values.ts";

type Metadata = Awaited<ReturnType<typeof parquetMetadataAsync>>;

/** Smaller than any file: head and tail marks, and the length of the description. */
const FILE_BYTES_MIN = 12;

export interface RowGroup {
  /** Every row, in order; where a row is rejected, its cells mean nothing. */
  readonly batch: RecordBatch;
  /** Rows that the schema does not allow, and why. */
  readonly rejected: ReadonlyMap<number, string>;
}

export class ParquetFile {
  readonly path: string;
  readonly schema: Schema;
  /** Rows of each row group. */
  readonly groupRows: readonly number[];
  readonly #source: RangeReader;
  readonly #metadata: Metadata;
  readonly #columns: readonly string[];

  private constructor(
    path: string,
    schema: Schema,
    source: RangeReader,
    metadata: Metadata,
    columns: readonly string[],
  ) {
    this.path = path;
    this.schema = schema;
    this.groupRows = metadata.row_groups.map((group) => Number(group.num_rows));
    this.#source = source;
    this.#metadata = metadata;
    this.#columns = columns;
  }

  /** Reads the description at the file's end, and checks that the columns fit. */
  static async open(handle: FileHandle, path: string, schema: Schema): Promise<ParquetFile> {
    if (handle.sizeBytes < FILE_BYTES_MIN) throw corrupt(path, `it has ${handle.sizeBytes} bytes`);
    const source = new RangeReader(handle, path);
    const metadata = await guarded(path, () => parquetMetadataAsync(source, { geoparquet: false }));
    checkDescription(metadata, handle.sizeBytes, path);
    const columns = await guarded(path, () => matchColumns(metadata.schema, schema, path));
    return new ParquetFile(path, schema, source, metadata, columns);
  }

  async readGroup(index: number): Promise<RowGroup> {
    const group = this.#metadata.row_groups[index];
    assert(group !== undefined, "the row group exists");
    const rows = Number(group.num_rows);
    const pages = new Map<string, readonly Page[]>();
    for (const { meta_data: metadata } of rows === 0 ? [] : group.columns) {
      const [name, nested] = metadata?.path_in_schema ?? [];
      if (metadata === undefined || name === undefined || nested !== undefined || !this.#columns.includes(name))
        continue;
      const { start, end } = chunkRange(metadata);
      const bytes = await this.#source.slice(start, end);
      const compressors = await decompressorsFor(metadata.codec, this.path);
      const chunk = { schema: this.#metadata.schema, metadata, rows };
      const where = `row group ${index}, column ${name}: `;
      pages.set(name, await guarded(this.path, () => decodeChunk(bytes, chunk, compressors), where));
    }
    for (const name of rows === 0 ? [] : this.#columns) {
      if (!pages.has(name)) throw corrupt(this.path, `row group ${index} has no column ${name}`);
    }
    return guarded(this.path, () => assemble(this.schema, pages, rows));
  }
}

/** What the decoder reads the file through. */
class RangeReader {
  readonly byteLength: number;
  readonly #handle: FileHandle;
  readonly #path: string;

  constructor(handle: FileHandle, path: string) {
    this.byteLength = handle.sizeBytes;
    this.#handle = handle;
    this.#path = path;
  }

  async slice(start: number, end: number = this.byteLength): Promise<ArrayBuffer> {
    if (!(start >= 0 && start <= end && end <= this.byteLength)) {
      throw corrupt(this.#path, `it refers to bytes ${start} to ${end} of ${this.byteLength}`);
    }
    const bytes = new Uint8Array(end - start);
    const read = await this.#handle.read(start, bytes);
    if (read !== bytes.byteLength) throw corrupt(this.#path, `it ends at byte ${start + read}, before byte ${end}`);
    return bytes.buffer;
  }
}

const corrupt = (path: string, why: string, cause?: unknown): MillraceError =>
  corruptionError("parquet_corrupt", path, `${path} is not a whole Parquet file: ${why}`, { cause });

/** What the decoder throws is about the file; what storage throws says so itself. */
async function guarded<T>(path: string, run: () => T | Promise<T>, where = ""): Promise<T> {
  try {
    return await run();
  } catch (thrown) {
    if (thrown instanceof MillraceError) throw thrown;
    const why = where + (thrown instanceof Error ? thrown.message : String(thrown));
    if (!/unsupported|not supported/.test(why)) throw corrupt(path, why, thrown);
    throw userError("parquet_unsupported", path, `${path} cannot be read: ${why}`, { cause: thrown });
  }
}

/** Lengths are used to allocate memory and to find bytes, so they are compared with the file first. */
function checkDescription(metadata: Metadata, sizeBytes: number, path: string): void {
  let rows = 0n;
  metadata.row_groups.forEach((group, index) => {
    if (group.num_rows < 0n || group.num_rows > 0x7fffffffn)
      throw corrupt(path, `row group ${index} has ${group.num_rows} rows`);
    rows += group.num_rows;
    for (const { meta_data: column, file_path: other } of group.columns) {
      if (other !== undefined) throw userError("parquet_unsupported", path, `${path} keeps its columns in other files`);
      if (column === undefined) throw corrupt(path, `row group ${index} has a column without a description`);
      const { start, end } = chunkRange(column);
      if (!(start >= 0 && start <= end && end <= sizeBytes)) {
        throw corrupt(path, `row group ${index} keeps a column at bytes that the file does not have`);
      }
    }
  });
  if (rows !== metadata.num_rows) throw corrupt(path, `it says ${metadata.num_rows} rows, its row groups have ${rows}`);
}

function assemble(schema: Schema, pages: ReadonlyMap<string, readonly Page[]>, rows: number): RowGroup {
  const rejected = new Map<number, string>();
  const columns = schema.map((field): Column => {
    const { column, bad } = columnOfPages(field, pages.get(field.name) ?? [], rows);
    for (const [row, reason] of bad) if (!rejected.has(row)) rejected.set(row, reason);
    return column;
  });
  return { batch: { schema, rowCount: rows, columns, weights: undefined }, rejected };
}
