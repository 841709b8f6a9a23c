// Batches that the embedding program registered under a name, as a bounded source of one split.
//
// Invariants: the batches never change once registered; a position is `{batch, row}`, the next row to hand out.
// A read never crosses from one batch into the next, so that it is one copy a column.

import { assert } from "../base/assert.ts";
import { userError } from "../base/errors.ts";
import { asSplitId } from "../base/ids.ts";
import type { RecordBatch } from "../batch/record_batch.ts";
import { columnIndex, equalSchemas, type Schema } from "../batch/schema.ts";
import { pickColumns } from "../batch/take.ts";
import type { SourceNode } from "../graph/plan.ts";
import type { PlainData, ReadOutcome, ReadTarget, SourceConnector, SourceSplit, SplitReader } from "./source.ts";
import { countField, plainObject, splitInvalid } from "./split_data.ts";

/** By the name that `MemorySourceSpec.name` refers to. */
export type MemoryInputs = ReadonlyMap<string, readonly RecordBatch[]>;

const END: ReadOutcome = { kind: "end" };
const ROWS: ReadOutcome = { kind: "rows", rejected: [] };

export function memorySource(inputs: MemoryInputs, node: SourceNode): SourceConnector {
  const spec = node.connector;
  assert(spec.kind === "memory", "the node's connector is a memory source");
  const where = `memory source ${spec.name}`;
  const registered = inputs.get(spec.name);
  if (registered === undefined) {
    const names = [...inputs.keys()].join(", ");
    const known = names === "" ? "the embedding program registered none" : `registered are ${names}`;
    throw userError("memory_source_unknown", where, `there are no batches under the name ${spec.name}; ${known}`);
  }
  const positions = node.output.map((one) => columnIndex(node.declared, one.name));
  const batches = registered.map((batch, index) => {
    checkSchema(batch.schema, node.declared, `${where}, batch ${index}`);
    return pickColumns(batch, node.output, positions);
  });
  return {
    schema: node.output,
    bounded: true,
    enumerate: async () => [{ id: asSplitId(`memory:${spec.name}`), detail: {} }],
    open: async (split, position, target) => new MemorySplitReader(batches, split, position, target),
  };
}

function checkSchema(found: Schema, declared: Schema, where: string): void {
  if (equalSchemas(found, declared)) return;
  const show = (schema: Schema): string =>
    schema.map(({ name, type, nullable }) => `${name} ${type}${nullable ? "?" : ""}`).join(", ");
  throw userError("schema_mismatch", where, `the batch has (${show(found)}), the job declares (${show(declared)})`);
}

class MemorySplitReader implements SplitReader {
  readonly #batches: readonly RecordBatch[];
  readonly #rowsBefore: readonly number[];
  readonly #target: ReadTarget;
  #batch = 0;
  #row = 0;

  constructor(
    batches: readonly RecordBatch[],
    split: SourceSplit,
    position: PlainData | undefined,
    target: ReadTarget,
  ) {
    this.#batches = batches;
    this.#target = target;
    let before = 0;
    this.#rowsBefore = batches.map(({ rowCount }) => {
      before += rowCount;
      return before - rowCount;
    });
    this.#rowsBefore = [...this.#rowsBefore, before];
    if (position === undefined) return;
    const where = `split ${split.id}`;
    const data = plainObject(position, where);
    this.#batch = countField(data, "batch", where, 0, batches.length);
    this.#row = countField(data, "row", where);
    if (this.#row > (batches[this.#batch]?.rowCount ?? 0)) {
      throw splitInvalid(where, `batch ${this.#batch} has no row ${this.#row}`);
    }
  }

  read(rowsMax: number): ReadOutcome {
    let batch = this.#batches[this.#batch];
    while (batch !== undefined && this.#row === batch.rowCount) {
      this.#row = 0;
      batch = this.#batches[++this.#batch];
    }
    if (batch === undefined) return END;
    const end = Math.min(batch.rowCount, this.#row + rowsMax);
    this.#target.region.load(batch, this.#row, end);
    this.#row = end;
    return ROWS;
  }

  position(): PlainData {
    return { batch: this.#batch, row: this.#row };
  }

  progress(): number {
    const total = this.#rowsBefore[this.#batches.length] as number;
    return total === 0 ? 1 : ((this.#rowsBefore[this.#batch] as number) + this.#row) / total;
  }

  async close(): Promise<void> {
    // The batches belong to the embedding program.
  }
}
