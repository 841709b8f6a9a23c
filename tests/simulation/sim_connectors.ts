// Sources and sinks of the simulated job. They keep the contracts of src/connectors and live in the simulated world.

import { externalError, userError } from "../../src/base/errors.ts";
import { asSplitId } from "../../src/base/ids.ts";
import { type RecordBatch, rowOf } from "../../src/batch/record_batch.ts";
import { decodePart, encodePart } from "../../src/checkpoint/part_batches.ts";
import type { Committable, CommitScope, SinkConnector, SinkWriter } from "../../src/connectors/sink.ts";
import type { PlainData, ReadOutcome, ReadTarget, SourceConnector, SplitReader } from "../../src/connectors/source.ts";
import type { ConnectorFactory } from "../../src/engine/connector_factory.ts";
import type { SourceNode } from "../../src/graph/plan.ts";
import { batchOf, type SimInput, type SimSource, type SimSplit, type SourceName } from "./sim_data.ts";
import { type SimHost, storeCall, strikes } from "./sim_platform.ts";
import type { SimProcess } from "./world.ts";

export const simConnectors = (
  host: SimHost,
  owner: SimProcess,
  input: SimInput,
  target: SimTarget,
): ConnectorFactory => ({
  source: (node) => simSource(host, owner, node, input[node.uid as string as SourceName]),
  sink: () => simSink(host, owner, target),
});

function simSource(host: SimHost, owner: SimProcess, node: SourceNode, source: SimSource): SourceConnector {
  return {
    schema: node.output,
    bounded: true,
    enumerate: () =>
      Promise.resolve(source.splits.map((_one, index) => ({ id: asSplitId(`s${index}`), detail: index }))),
    open: (split, position, target) => {
      const data = source.splits[split.detail as number] as SimSplit;
      return Promise.resolve(new SimReader(host, owner, data, target, position));
    },
  };
}

/** Until so many checkpoints of a job exist, the last rows of a split come slowly. */
const CHECKPOINTS_MIN = 3;
const ROWS_A_READ = 40;

class SimReader implements SplitReader {
  readonly #host: SimHost;
  readonly #owner: SimProcess;
  readonly #split: SimSplit;
  readonly #target: ReadTarget;
  #next: number;

  constructor(host: SimHost, owner: SimProcess, split: SimSplit, target: ReadTarget, position: PlainData | undefined) {
    this.#host = host;
    this.#owner = owner;
    this.#split = split;
    this.#target = target;
    this.#next = position === undefined ? 0 : (position as { row: number }).row;
  }

  async read(rowsMax: number): Promise<ReadOutcome> {
    const { prng } = this.#host.world;
    const { rows, paceMs } = this.#split;
    await this.#host.world.delay(0.1 + (paceMs * prng.below(200)) / 100, this.#owner);
    if (strikes(this.#host, "task_throws", this.#owner)) throw externalError("read_failed", "source", "simulated");
    if (strikes(this.#host, "task_hangs", this.#owner)) return await new Promise(() => undefined);
    const left = rows.length - this.#next;
    if (left === 0) return { kind: "end" };
    if (strikes(this.#host, "idle_source", this.#owner)) return { kind: "idle", retryAfterMs: prng.below(20) };
    // The last rows come one by one until there have been enough checkpoints.
    const trickles = left <= ROWS_A_READ && this.#host.disk.manifests < CHECKPOINTS_MIN;
    if (trickles && prng.chance(0.8)) return { kind: "idle", retryAfterMs: 5 };
    const count = trickles ? 1 : Math.min(1 + prng.below(ROWS_A_READ), rowsMax, left);
    const { region } = this.#target;
    region.load(batchOf(region.schema, this.#split), this.#next, this.#next + count);
    this.#next += count;
    return { kind: "rows", rejected: [] };
  }
  position(): PlainData {
    return { row: this.#next };
  }
  progress(): number {
    return this.#next / this.#split.rows.length;
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** A transactional target: fence, ledger and rows change together. It outlives every process. */
export class SimTarget {
  readonly #fences = new Map<string, number>();
  readonly #ledger = new Set<string>();
  /** By sink: how often each row is there. */
  readonly #rows = new Map<string, Map<string, number>>();
  /** Commits of a generation that a newer one had taken over from. */
  refused = 0;

  /** Sorted; a row that is there more than once stands there as often. */
  of(sink: string): string[] {
    const lines: string[] = [];
    for (const [text, count] of this.#rows.get(sink) ?? []) {
      if (count < 0) lines.push(`${text} x ${count}`);
      for (let time = 0; time < count; time++) lines.push(text);
    }
    return lines.sort();
  }

  raise(scope: CommitScope): void {
    const key = `${scope.branch}/${scope.sink}`;
    const held = this.#fences.get(key) ?? 0;
    if (held > scope.generation) {
      this.refused++;
      throw userError("fenced", scope.sink, `generation ${held} has taken over from ${scope.generation}`);
    }
    this.#fences.set(key, scope.generation);
  }

  commit(scope: CommitScope, committables: readonly Committable[]): void {
    this.raise(scope);
    const rows = this.#rows.get(scope.sink) ?? new Map<string, number>();
    this.#rows.set(scope.sink, rows);
    for (const { checkpoint, index, bytes } of committables) {
      const id = `${scope.branch}/${scope.sink}/${checkpoint}/${index}`;
      if (this.#ledger.has(id)) continue;
      this.#ledger.add(id);
      for (const batch of decodePart(bytes, id)) {
        for (let row = 0; row < batch.rowCount; row++) {
          const values = rowOf(batch, row).map((value) => (typeof value === "bigint" ? Number(value) : value));
          const text = JSON.stringify(values);
          rows.set(text, (rows.get(text) ?? 0) + (batch.weights?.[row] ?? 1));
        }
      }
    }
  }
}

function simSink(host: SimHost, owner: SimProcess, target: SimTarget): SinkConnector {
  return {
    guarantee: "exactly_once",
    writer: () => new SimWriter(),
    prepare: (scope) => storeCall(host, owner, `prepare ${scope.sink}`, () => target.raise(scope)),
    commit: async (scope, committables) => {
      const ids = committables.map((one) => `${one.checkpoint}.${one.index}`).join(" ");
      if (strikes(host, "slow_commit", owner)) await host.world.delay(host.world.prng.below(400), owner);
      await storeCall(host, owner, `sink ${scope.sink} ${ids}`, () => target.commit(scope, committables));
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
