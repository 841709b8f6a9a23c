// Parquet files as a source: a split is a file, read row group by row group.
//
// Invariants:
// - A position is `{rowGroup, row}`, the next row to look at; it counts the rows of the file, rejected ones too.
// - One row group is in memory at a time, decoded whole: its size is the writer's choice.
// - A file that is not the one that the split was made of is refused, as far as its size and its last bytes can tell
//   (they hold the description of everything before them).

import { assert } from "../base/assert.ts";
import { asSplitId } from "../base/ids.ts";
import { rowOf } from "../batch/record_batch.ts";
import { takeRows } from "../batch/take.ts";
import { ParquetFile, type RowGroup } from "../formats/parquet_file.ts";
import type { SourceNode } from "../graph/plan.ts";
import type { FileHandle, Files } from "../platform/ports.ts";
import { fingerprintOf } from "./line_ranges.ts";
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
import { countField, plainObject, splitInvalid, textField } from "./split_data.ts";

const TAIL_BYTES = 4096;
const RAW_LENGTH_MAX = 1024;

export function parquetFileSource(files: Files, node: SourceNode): SourceConnector {
  const spec = node.connector;
  assert(spec.kind === "parquet_file", "the node's connector is a Parquet file source");
  return {
    schema: node.output,
    bounded: true,
    enumerate: () => enumerate(files, node, distinctPaths(node, spec.paths)),
    open: (split, position, target) => open(files, spec.paths, split, position, target),
  };
}

const tailPrint = (handle: FileHandle): Promise<number> =>
  fingerprintOf(handle, Math.max(0, handle.sizeBytes - TAIL_BYTES), handle.sizeBytes);

async function withFile<T>(files: Files, path: string, run: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await files.open(path);
  try {
    return await run(handle);
  } finally {
    await handle.close();
  }
}

/** Opens every file, so that one that does not fit is known before the first row is read. */
async function enumerate(files: Files, node: SourceNode, paths: readonly string[]): Promise<readonly SourceSplit[]> {
  const found: SourceSplit[] = [];
  for (const path of paths) {
    const detail = await withFile(files, path, async (handle) => {
      await ParquetFile.open(handle, path, node.output);
      return { path, sizeBytes: handle.sizeBytes, fingerprint: await tailPrint(handle) };
    });
    found.push({ id: asSplitId(path), detail });
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
  const sizeBytes = countField(detail, "sizeBytes", where);
  const fingerprint = countField(detail, "fingerprint", where);
  const handle = await files.open(path);
  try {
    if (handle.sizeBytes !== sizeBytes) {
      throw fileChanged(path, `it has ${handle.sizeBytes} bytes, and had ${sizeBytes}`);
    }
    if ((await tailPrint(handle)) !== fingerprint) throw fileChanged(path, "its last bytes are others");
    const file = await ParquetFile.open(handle, path, target.schema);
    return new ParquetSplitReader(handle, file, startOf(file, position, where), target);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function startOf(file: ParquetFile, position: PlainData | undefined, where: string) {
  if (position === undefined) return { rowGroup: 0, row: 0 };
  const data = plainObject(position, where);
  const rowGroup = countField(data, "rowGroup", where, 0, file.groupRows.length);
  const row = countField(data, "row", where);
  if (row > (file.groupRows[rowGroup] ?? 0)) throw splitInvalid(where, `row group ${rowGroup} has no row ${row}`);
  return { rowGroup, row };
}

class ParquetSplitReader implements SplitReader {
  readonly #handle: FileHandle;
  readonly #file: ParquetFile;
  readonly #target: ReadTarget;
  readonly #rowsInAll: number;
  #rowsBefore: number;
  #rowGroup: number;
  #row: number;
  #current: RowGroup | undefined;
  #closed = false;

  constructor(
    handle: FileHandle,
    file: ParquetFile,
    start: { readonly rowGroup: number; readonly row: number },
    target: ReadTarget,
  ) {
    this.#handle = handle;
    this.#file = file;
    this.#target = target;
    const sum = (rows: readonly number[]): number => rows.reduce((total, count) => total + count, 0);
    this.#rowsInAll = sum(file.groupRows);
    this.#rowsBefore = sum(file.groupRows.slice(0, start.rowGroup));
    this.#rowGroup = start.rowGroup;
    this.#row = start.row;
  }

  async read(rowsMax: number): Promise<ReadOutcome> {
    const { groupRows } = this.#file;
    while (this.#rowGroup < groupRows.length && this.#row === groupRows[this.#rowGroup]) {
      this.#rowsBefore += this.#row;
      this.#rowGroup++;
      this.#row = 0;
      this.#current = undefined;
    }
    if (this.#rowGroup === groupRows.length) {
      await this.close();
      return { kind: "end" };
    }
    this.#current ??= await this.#file.readGroup(this.#rowGroup);
    return { kind: "rows", rejected: this.#take(this.#current, rowsMax) };
  }

  #take({ batch, rejected }: RowGroup, rowsMax: number): readonly RejectedRow[] {
    const start = this.#row;
    const end = Math.min(batch.rowCount, start + rowsMax);
    this.#row = end;
    if (rejected.size === 0) {
      this.#target.region.load(batch, start, end);
      return [];
    }
    const good: number[] = [];
    const bad: RejectedRow[] = [];
    for (let row = start; row < end; row++) {
      const reason = rejected.get(row);
      if (reason === undefined) good.push(row);
      else bad.push({ position: `${this.#file.path}:row ${this.#rowsBefore + row}`, reason, raw: rawText(batch, row) });
    }
    this.#target.region.load(takeRows(batch, good));
    return bad;
  }

  position(): PlainData {
    return { rowGroup: this.#rowGroup, row: this.#row };
  }

  progress(): number {
    return this.#rowsInAll === 0 ? 1 : (this.#rowsBefore + this.#row) / this.#rowsInAll;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#current = undefined;
    await this.#handle.close();
  }
}

/** The columns that are read, as JSON. */
function rawText(batch: RowGroup["batch"], row: number): string {
  const entries = rowOf(batch, row).map((value, index) => {
    const text = typeof value === "bigint" ? String(value) : JSON.stringify(value);
    return `${JSON.stringify(batch.schema[index]?.name)}:${text}`;
  });
  return `{${entries.join(",")}}`.slice(0, RAW_LENGTH_MAX);
}
