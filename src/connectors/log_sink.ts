// A durable log of this deployment as a sink: one JSON record a row, exactly once.
//
// Rows are staged as lines of NDJSON, cut into byte strings that each fit one stored row. The commit is one
// transaction of the log: fence, ledger, records; readers of the log see nothing before it.

import { assert } from "../base/assert.ts";
import { userError } from "../base/errors.ts";
import { LINE_BYTES_MAX } from "../base/limits.ts";
import type { RecordBatch } from "../batch/record_batch.ts";
import type { Schema } from "../batch/schema.ts";
import { sinkInput, type SinkNode } from "../graph/plan.ts";
import type { LogStore } from "./log_store.ts";
import type { SinkConnector, SinkWriter } from "./sink.ts";
import { linesWriter } from "./staged_lines.ts";

/** A part and its commit fit one stored row; a record of it can be read back as one line. */
const PART_BYTES = 1024 * 1024;
const LINE_FEED = 0x0a;

assert(PART_BYTES <= LINE_BYTES_MAX, "what a sink writes, a source can read");

export function logSink(store: LogStore, node: SinkNode): SinkConnector {
  const spec = node.connector;
  assert(spec.kind === "log", "the node's connector is a log sink");
  const { name } = spec;
  const { schema, updating } = sinkInput(node);
  return {
    guarantee: "exactly_once",
    writer: () => new LogSinkWriter(name, schema, updating),
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
  readonly readsInPlace: boolean;
  readonly #what: string;
  readonly #lines: SinkWriter;

  constructor(name: string, schema: Schema, updating: boolean) {
    this.#what = `log ${name}`;
    this.#lines = linesWriter(schema, this.#what, updating);
    this.readsInPlace = this.#lines.readsInPlace === true;
  }

  get stagedBytes(): number {
    return this.#lines.stagedBytes;
  }

  write(batch: RecordBatch): void {
    this.#lines.write(batch);
  }

  stage(): readonly Uint8Array[] {
    return this.#lines.stage().flatMap((bytes) => this.#cut(bytes));
  }

  /** Whole lines, as many as fit a part. */
  #cut(bytes: Uint8Array): Uint8Array[] {
    const parts: Uint8Array[] = [];
    for (let start = 0; start < bytes.byteLength; ) {
      const end = this.#endOfPart(bytes, start);
      parts.push(bytes.slice(start, end));
      start = end;
    }
    return parts;
  }

  #endOfPart(bytes: Uint8Array, start: number): number {
    if (bytes.byteLength - start <= PART_BYTES) return bytes.byteLength;
    const last = bytes.lastIndexOf(LINE_FEED, start + PART_BYTES - 1);
    if (last >= start) return last + 1;
    const rowBytes = bytes.indexOf(LINE_FEED, start) - start;
    const found = `a row has ${rowBytes} bytes as JSON`;
    throw userError("row_too_large", this.#what, `${found}, at most ${PART_BYTES - 1} fit a record of a log`);
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
