// Source and sink of golden jobs: rows in splits from memory, and a transactional target that keeps what is committed.

import { externalError, userError } from "../../src/base/errors.ts";
import { asSplitId } from "../../src/base/ids.ts";
import { batchOfRows, type RecordBatch, rowOf, type Value } from "../../src/batch/record_batch.ts";
import type { Schema } from "../../src/batch/schema.ts";
import { columnIndex } from "../../src/batch/schema.ts";
import { decodePart, encodePart } from "../../src/checkpoint/part_batches.ts";
import type { Committable, CommitScope, SinkConnector } from "../../src/connectors/sink.ts";
import type { SourceConnector } from "../../src/connectors/source.ts";
import type { SourceNode } from "../../src/graph/plan.ts";

/** One source's rows of the declared schema, split by split. */
export type GoldenSplits = readonly (readonly (readonly Value[])[])[];

/** Decides, before each read, whether it fails, or finds nothing to read yet: how a golden job is disturbed. */
export type Disturbance = () => boolean | "wait";

export function goldenSource(node: SourceNode, splits: GoldenSplits, disturb: Disturbance): SourceConnector {
  const positions = node.output.map((one) => columnIndex(node.declared, one.name));
  return {
    schema: node.output,
    bounded: true,
    enumerate: async () => splits.map((_rows, index) => ({ id: asSplitId(`split-${index}`), detail: index })),
    open: async (split, position, { region }) => {
      const rows = splits[split.detail as number] ?? [];
      let next = position === undefined ? 0 : (position as number);
      return {
        read: async (rowsMax) => {
          const disturbed = disturb();
          if (disturbed === "wait") return { kind: "idle", retryAfterMs: 1 };
          if (disturbed) throw externalError("disturbed", split.id, "the test makes this read fail");
          if (next === rows.length) return { kind: "end" };
          const taken = rows.slice(next, next + Math.min(rowsMax, region.capacity));
          const picked = taken.map((row) => positions.map((index) => row[index] as Value));
          region.load(batchOfRows(node.output, picked));
          next += taken.length;
          return { kind: "rows", rejected: [] };
        },
        position: () => next,
        progress: () => undefined,
        close: async () => undefined,
      };
    },
  };
}

/** Fence, ledger and rows change together; it outlives the engines that write to it. */
export class GoldenTarget {
  readonly #fences = new Map<string, number>();
  readonly #ledger = new Set<string>();
  /** By sink: how often each row is there, as text. */
  readonly #rows = new Map<string, Map<string, number>>();

  sink(uid: string, schema: Schema): SinkConnector {
    return {
      guarantee: "exactly_once",
      writer: () => {
        let batches: RecordBatch[] = [];
        return {
          get stagedBytes() {
            return batches.length;
          },
          write: (batch) => {
            batches.push(batch);
          },
          stage: () => {
            const staged = batches.length === 0 ? [] : [encodePart(batches)];
            batches = [];
            return staged;
          },
        };
      },
      prepare: async (scope) => this.#raise(scope),
      commit: async (scope, committables) => {
        this.#raise(scope);
        for (const one of committables) this.#commit(uid, scope, one, schema);
      },
    };
  }

  #raise(scope: CommitScope): void {
    const key = `${scope.branch}/${scope.sink}`;
    const held = this.#fences.get(key) ?? 0;
    if (held > scope.generation) throw userError("fenced", scope.sink, `generation ${held} has taken over`);
    this.#fences.set(key, scope.generation);
  }

  #commit(uid: string, scope: CommitScope, { checkpoint, index, bytes }: Committable, schema: Schema): void {
    const id = `${scope.branch}/${scope.sink}/${checkpoint}/${index}`;
    if (this.#ledger.has(id)) return;
    this.#ledger.add(id);
    const rows = this.#rows.get(uid) ?? new Map<string, number>();
    this.#rows.set(uid, rows);
    for (const batch of decodePart(bytes, id)) {
      for (let row = 0; row < batch.rowCount; row++) {
        const text = textOfRow(schema, rowOf(batch, row));
        rows.set(text, (rows.get(text) ?? 0) + (batch.weights?.[row] ?? 1));
      }
    }
  }

  /** Rows of one sink, netted and sorted; a row that is there more than once stands there as often. */
  rowsOf(uid: string): string[] {
    const lines: string[] = [];
    for (const [text, count] of this.#rows.get(uid) ?? []) {
      if (count < 0) lines.push(`${text} x ${count}`);
      for (let time = 0; time < count; time++) lines.push(text);
    }
    return lines.sort();
  }
}

/** Canonical text: integers digit for digit, floats as JavaScript writes them. */
export const textOfRow = (_schema: Schema, values: readonly Value[]): string =>
  JSON.stringify(values.map((value) => (typeof value === "bigint" ? `${value}` : Object.is(value, -0) ? "-0" : value)));
