// Source and sinks of the simulated job. They keep the contracts of src/connectors and live in the simulated world.

import { userError } from "../../src/base/errors.ts";
import { asSplitId } from "../../src/base/ids.ts";
import { type RecordBatch, rowOf } from "../../src/batch/record_batch.ts";
import { decodePart, encodePart } from "../../src/checkpoint/part_batches.ts";
import type { Committable, CommitScope, SinkConnector, SinkWriter } from "../../src/connectors/sink.ts";
import type { PlainData, ReadOutcome, ReadTarget, SourceConnector, SplitReader } from "../../src/connectors/source.ts";
import { batchOf, type SimInput, type SimRow, simSchema } from "./sim_data.ts";
import { type SimHost, storeCall } from "./sim_platform.ts";
import type { Incarnation } from "./world.ts";

export function simSource(host: SimHost, owner: Incarnation, input: SimInput): SourceConnector {
  return {
    schema: simSchema,
    bounded: true,
    enumerate: () =>
      Promise.resolve(input.splits.map((_rows, index) => ({ id: asSplitId(`s${index}`), detail: index }))),
    open: (split, position, target) => {
      const rows = input.splits[split.detail as number] as readonly SimRow[];
      return Promise.resolve(new SimReader(host, owner, rows, target, position));
    },
  };
}

class SimReader implements SplitReader {
  readonly #host: SimHost;
  readonly #owner: Incarnation;
  readonly #rows: readonly SimRow[];
  readonly #target: ReadTarget;
  #next: number;

  constructor(
    host: SimHost,
    owner: Incarnation,
    rows: readonly SimRow[],
    target: ReadTarget,
    position: PlainData | undefined,
  ) {
    this.#host = host;
    this.#owner = owner;
    this.#rows = rows;
    this.#target = target;
    this.#next = position === undefined ? 0 : (position as { row: number }).row;
  }

  async read(rowsMax: number): Promise<ReadOutcome> {
    const { prng } = this.#host.world;
    await this.#host.world.delay(0.1 + prng.below(30) / 10, this.#owner);
    if (this.#next === this.#rows.length) return { kind: "end" };
    if (prng.chance(this.#host.faults.idleRate)) return { kind: "idle", retryAfterMs: prng.below(20) };
    const count = Math.min(1 + prng.below(12), rowsMax, this.#rows.length - this.#next);
    this.#target.region.load(batchOf(this.#rows.slice(this.#next, this.#next + count)));
    this.#next += count;
    return { kind: "rows", rejected: [] };
  }
  position(): PlainData {
    return { row: this.#next };
  }
  progress(): number {
    return this.#next / this.#rows.length;
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** A transactional target: fence, ledger and rows change together. It outlives incarnations. */
export class SimTarget {
  readonly fences = new Map<string, number>();
  readonly ledger = new Set<string>();
  readonly rows: { readonly sink: string; readonly text: string }[] = [];

  of(sink: string): string[] {
    return this.rows
      .filter((row) => row.sink === sink)
      .map((row) => row.text)
      .sort();
  }

  raise(scope: CommitScope): void {
    const key = `${scope.branch}/${scope.sink}`;
    const held = this.fences.get(key) ?? 0;
    if (held > scope.generation)
      throw userError("fenced", scope.sink, `generation ${held} has taken over from ${scope.generation}`);
    this.fences.set(key, scope.generation);
  }

  commit(scope: CommitScope, committables: readonly Committable[]): void {
    this.raise(scope);
    for (const { checkpoint, index, bytes } of committables) {
      const id = `${scope.branch}/${scope.sink}/${checkpoint}/${index}`;
      if (this.ledger.has(id)) continue;
      this.ledger.add(id);
      for (const batch of decodePart(bytes, id)) {
        for (let row = 0; row < batch.rowCount; row++) {
          const values = rowOf(batch, row).map((value) => (typeof value === "bigint" ? Number(value) : value));
          this.rows.push({ sink: scope.sink, text: JSON.stringify(values) });
        }
      }
    }
  }
}

export function simSink(host: SimHost, owner: Incarnation, target: SimTarget): SinkConnector {
  return {
    guarantee: "exactly_once",
    writer: () => new SimWriter(),
    prepare: (scope) => storeCall(host, owner, `prepare ${scope.sink}`, () => target.raise(scope)),
    commit: (scope, committables) => {
      const ids = committables.map((one) => `${one.checkpoint}.${one.index}`).join(" ");
      return storeCall(host, owner, `sink ${scope.sink} ${ids}`, () => target.commit(scope, committables));
    },
  };
}

class SimWriter implements SinkWriter {
  #batches: RecordBatch[] = [];

  get stagedBytes(): number {
    return this.#batches.length;
  }
  write(batch: RecordBatch): void {
    this.#batches.push(batch);
  }
  stage(): readonly Uint8Array[] {
    const batches = this.#batches.splice(0);
    return batches.length === 0 ? [] : [encodePart(batches)];
  }
}
