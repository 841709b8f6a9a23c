// A durable log of this deployment as a sink: one JSON record a row, exactly once.
//
// Rows are staged as lines of NDJSON, cut into byte strings that each fit one stored row. The commit is one
// transaction of the log: fence, ledger, records; readers of the log see nothing before it.

import { assert } from "../base/assert.ts";
import { concatBytes } from "../base/bytes.ts";
import { userError } from "../base/errors.ts";
import { BLOB_CHUNK_BYTES, LINE_BYTES_MAX } from "../base/limits.ts";
import type { RecordBatch } from "../batch/record_batch.ts";
import type { Schema } from "../batch/schema.ts";
import { NdjsonEncoder } from "../formats/ndjson_encoder.ts";
import type { SinkNode } from "../graph/plan.ts";
import type { LogStore } from "./log_store.ts";
import type { SinkConnector, SinkWriter } from "./sink.ts";

const LINE_FEED = 0x0a;

export function logSink(store: LogStore, node: SinkNode): SinkConnector {
  const spec = node.connector;
  assert(spec.kind === "log", "the node's connector is a log sink");
  const { name } = spec;
  return {
    guarantee: "exactly_once",
    writer: () => new LogSinkWriter(name, node.input),
    prepare: (scope) => store.prepareCommits(name, scope),
    commit: (scope, committables) =>
      store.commit(
        name,
        scope,
        committables.map(({ checkpoint, index, bytes }) => ({ checkpoint, index, records: linesOf(bytes) })),
      ),
  };
}

class LogSinkWriter implements SinkWriter {
  readonly #name: string;
  readonly #encoder: NdjsonEncoder;
  #lines: Uint8Array[] = [];
  stagedBytes = 0;

  constructor(name: string, schema: Schema) {
    this.#name = name;
    this.#encoder = new NdjsonEncoder(schema);
  }

  write(batch: RecordBatch): void {
    const retraction = batch.weights?.findIndex((weight) => weight !== 1) ?? -1;
    if (retraction >= 0) {
      const why = "a log only grows, and cannot take a row back";
      throw userError(
        "retraction_unsupported",
        `log ${this.#name}`,
        `a row of weight ${batch.weights?.[retraction]}: ${why}`,
      );
    }
    if (batch.rowCount === 0) return;
    const bytes = this.#encoder.encode(batch);
    this.#lines.push(bytes);
    this.stagedBytes += bytes.byteLength;
  }

  stage(): readonly Uint8Array[] {
    const bytes = concatBytes(this.#lines);
    const parts: Uint8Array[] = [];
    for (let start = 0; start < bytes.byteLength; ) {
      const end = this.#endOfPart(bytes, start);
      parts.push(bytes.slice(start, end));
      start = end;
    }
    this.#lines = [];
    this.stagedBytes = 0;
    return parts;
  }

  /** Behind the last line that fits; a line that is longer than a part stands alone. */
  #endOfPart(bytes: Uint8Array, start: number): number {
    if (bytes.byteLength - start <= BLOB_CHUNK_BYTES) return bytes.byteLength;
    const last = bytes.lastIndexOf(LINE_FEED, start + BLOB_CHUNK_BYTES - 1);
    if (last >= start) return last + 1;
    const end = bytes.indexOf(LINE_FEED, start) + 1;
    throw userError(
      "row_too_large",
      `log ${this.#name}`,
      `a row has ${end - start} bytes as JSON, at most ${LINE_BYTES_MAX} fit a record`,
    );
  }
}

/** Views of the lines, without their line feeds. */
function linesOf(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let start = 0; start < bytes.byteLength; ) {
    const end = bytes.indexOf(LINE_FEED, start);
    assert(end >= 0, "staged bytes end with a line feed");
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return lines;
}
