// The writers of sinks that stage rows as lines of NDJSON: files, logs and the terminal.
//
// A stream that takes rows back is written as a changelog: what the rows of a checkpoint amount to, one line a row given
// or taken back, its first member "op". A row that came and went between two barriers is not written.

import { userError } from "../base/errors.ts";
import type { RecordBatch } from "../batch/record_batch.ts";
import type { Schema } from "../batch/schema.ts";
import { NdjsonEncoder } from "../formats/ndjson_encoder.ts";
import { gathered, NettedRows } from "./netted_rows.ts";
import type { SinkWriter } from "./sink.ts";
import { StagedBytes } from "./staged_bytes.ts";

/** Bytes of one committable; a file is at most about this long. */
const COMMITTABLE_BYTES = 16 * 1024 * 1024;

/** Lines are encoded by so many rows, so that committables are cut between them. */
const LINES_ROWS = 4096;

/** `what` names the sink in errors. */
export function linesWriter(schema: Schema, what: string, updating: boolean): SinkWriter {
  return updating ? new StagedChanges(schema) : new StagedLines(schema, what);
}

class StagedChanges implements SinkWriter {
  readonly #encoder: NdjsonEncoder;
  readonly #rows = new NettedRows();

  constructor(schema: Schema) {
    this.#encoder = new NdjsonEncoder(schema, "changelog");
  }

  get stagedBytes(): number {
    return this.#rows.bytes;
  }

  write(batch: RecordBatch): void {
    this.#rows.add(batch);
  }

  stage(): readonly Uint8Array[] {
    const staged = new StagedBytes(COMMITTABLE_BYTES);
    for (const batch of gathered(this.#rows.take())) {
      for (let start = 0; start < batch.rowCount; start += LINES_ROWS) {
        staged.add(this.#encoder.encode(batch, start, Math.min(start + LINES_ROWS, batch.rowCount)));
      }
    }
    return staged.take();
  }
}

class StagedLines implements SinkWriter {
  readonly readsInPlace = true;
  readonly #encoder: NdjsonEncoder;
  readonly #what: string;
  readonly #staged = new StagedBytes(COMMITTABLE_BYTES);

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
