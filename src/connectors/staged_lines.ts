// The writer of sinks that stage rows as lines of NDJSON: files and the terminal.

import { userError } from "../base/errors.ts";
import type { RecordBatch } from "../batch/record_batch.ts";
import type { Schema } from "../batch/schema.ts";
import { NdjsonEncoder } from "../formats/ndjson_encoder.ts";
import type { SinkWriter } from "./sink.ts";
import { StagedBytes } from "./staged_bytes.ts";

/** Bytes of one committable; a file is at most about this long. */
const COMMITTABLE_BYTES = 16 * 1024 * 1024;

export class StagedLines implements SinkWriter {
  readonly readsInPlace = true;
  readonly #encoder: NdjsonEncoder;
  readonly #what: string;
  readonly #staged = new StagedBytes(COMMITTABLE_BYTES);

  /** `what` names the sink in errors. */
  constructor(schema: Schema, what: string) {
    this.#encoder = new NdjsonEncoder(schema);
    this.#what = what;
  }

  get stagedBytes(): number {
    return this.#staged.totalBytes;
  }

  write(batch: RecordBatch): void {
    if (batch.rowCount === 0) return;
    if (batch.weights?.some((weight) => weight !== 1) === true) {
      throw userError(
        "sink_cannot_retract",
        this.#what,
        `the stream takes rows back or repeats them, and ${this.#what} cannot show that: use a table with a primary key`,
      );
    }
    this.#staged.add(this.#encoder.encode(batch));
  }

  stage(): readonly Uint8Array[] {
    return this.#staged.take();
  }
}
