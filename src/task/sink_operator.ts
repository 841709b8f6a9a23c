// The end of a chain: shows the rows in WASM memory to the sinks' writers, which keep what they need of them.

import type { RecordBatch } from "../batch/record_batch.ts";
import type { SinkWriter } from "../connectors/sink.ts";
import type { BatchRegion } from "../kernel/batch_region.ts";
import type { BatchReceiver, Receiver } from "../operators/operator.ts";

export class SinkOperator implements Receiver, BatchReceiver {
  readonly #region: BatchRegion | undefined;
  readonly #writer: SinkWriter;
  readonly #count: (rows: number) => void;

  /** @param region what `process` reads; undefined for a sink of a side output, which is only written to. */
  constructor(region: BatchRegion | undefined, writer: SinkWriter, count: (rows: number) => void) {
    this.#region = region;
    this.#writer = writer;
    this.#count = count;
  }

  process(): void {
    if (this.#region === undefined || this.#region.rowCount === 0) return;
    this.write(this.#writer.readsInPlace === true ? this.#region.view() : this.#region.copyOut());
  }

  write(batch: RecordBatch): void {
    this.#writer.write(batch);
    this.#count(batch.rowCount);
  }

  onWatermark(): void {
    // Time has no meaning for a sink: it emits what it was given at the next barrier.
  }

  onIdle(): void {
    // Nor has its standing still.
  }
}
