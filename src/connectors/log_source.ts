// A durable log of this deployment as a source: one split, read from a sequence on, without end unless the log is
// closed or reading is to stop at today's end.
//
// Invariants:
// - A position is `{sequence}`, the first record that no row was handed out for. One record is one line, one row or
//   one rejected row, so the sequence follows from the bytes that the decoder has consumed.
// - A log that was deleted and created anew is another log, and is refused.
//
// Records are stored as lines, so a page goes into the decoder as it is; the next one is fetched meanwhile.

import { assert } from "../base/assert.ts";
import { type MillraceError, userError } from "../base/errors.ts";
import { asSplitId } from "../base/ids.ts";
import { NdjsonDecoder, type RejectedLine } from "../formats/ndjson_decoder.ts";
import type { SourceNode } from "../graph/plan.ts";
import { type LogChunk, type LogFacts, type LogPage, type LogStore, ndjsonOf } from "./log_store.ts";
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

const PAGE_BYTES = 1024 * 1024;

/** How long one `read` waits for a record at the end of the log: a barrier must not wait longer. */
const WAIT_MS = 40;

/** How soon the task shall ask again after that. */
const RETRY_MS = 10;

export interface LogSourceOptions {
  /** `now`: stop at the end that the log has when the job starts. */
  readonly until?: "now" | undefined;
}

export function logSource(store: LogStore, node: SourceNode, options: LogSourceOptions = {}): SourceConnector {
  const spec = node.connector;
  assert(spec.kind === "log", "the node's connector is a log source");
  const { name } = spec;
  return {
    schema: node.output,
    bounded: options.until === "now",
    enumerate: async () => {
      const facts = await describe(store, name, node);
      const until = options.until === "now" ? facts.next : null;
      return [{ id: asSplitId(`log:${name}`), detail: { log: name, id: facts.id, until } }];
    },
    open: (split, position, target) => open(store, node, split, position, target),
  };
}

async function describe(store: LogStore, name: string, node: SourceNode): Promise<LogFacts> {
  const where = `operator ${node.uid}`;
  const facts = await store.describe(name);
  if (facts === undefined) {
    throw userError("log_not_found", where, `there is no log ${name}; PUT /v1/stream/${name} creates one`);
  }
  if (!/^application\/(json|x-ndjson|ndjson)\s*(;|$)/i.test(facts.contentType)) {
    const found = `log ${name} holds ${facts.contentType}`;
    throw userError("log_not_json", where, `${found}; a source reads application/json and application/x-ndjson`);
  }
  return facts;
}

const logChanged = (name: string, why: string): MillraceError =>
  userError("source_changed", `log ${name}`, `log ${name} is not the one that was being read: ${why}`);

async function open(
  store: LogStore,
  node: SourceNode,
  split: SourceSplit,
  position: PlainData | undefined,
  target: ReadTarget,
): Promise<SplitReader> {
  assert(node.connector.kind === "log", "the node's connector is a log source");
  const { name } = node.connector;
  const where = `split ${split.id}`;
  const detail = plainObject(split.detail, where);
  const listed = textField(detail, "log", where);
  if (listed !== name) throw logChanged(listed, `the spec names log ${name}`);
  const until = detail.until === null ? undefined : countField(detail, "until", where);
  const from = position === undefined ? 0 : countField(plainObject(position, where), "sequence", where);
  if (until !== undefined && from > until) throw splitInvalid(where, `sequence ${from} lies behind its end ${until}`);
  const facts = await describe(store, name, node);
  const id = textField(detail, "id", where);
  if (facts.id !== id) throw logChanged(name, "it was deleted and created anew since");
  if (facts.next < (until ?? from)) throw logChanged(name, `it ends at ${facts.next}, before ${until ?? from}`);
  return new LogSplitReader(store, name, from, until, target);
}

/** A read that is under way never rejects: nobody may be waiting for it when it fails. */
type PageAhead = Promise<{ readonly page: LogPage } | { readonly error: unknown }>;

class LogSplitReader implements SplitReader {
  readonly #store: LogStore;
  readonly #name: string;
  readonly #until: number | undefined;
  readonly #decoder: NdjsonDecoder;
  /** The first sequence that was not fetched. */
  #fetched: number;
  #ahead: PageAhead | undefined;
  /** Chunks of the page that were not fed yet, and what is left of the one that is being fed. */
  #chunks: LogChunk[] = [];
  #rest: Uint8Array = new Uint8Array(0);
  /** Lengths of the records that were fed and not handed out; `#mark` is the first of them, which begins at `#markOffset`. */
  #lengths: Uint32Array[] = [];
  #mark = 0;
  #markOffset = 0;
  /** The first record that no row was handed out for. */
  #sequence: number;
  #hungry = true;
  #drained = false;
  #released = false;

  constructor(store: LogStore, name: string, from: number, until: number | undefined, { kernel, region }: ReadTarget) {
    this.#store = store;
    this.#name = name;
    this.#until = until;
    this.#fetched = from;
    this.#sequence = from;
    this.#decoder = new NdjsonDecoder(kernel, region);
  }

  async read(rowsMax: number): Promise<ReadOutcome> {
    while (!this.#drained) {
      if (this.#hungry && !(await this.#refill())) return { kind: "idle", retryAfterMs: RETRY_MS };
      const outcome = this.#decoder.decode(rowsMax);
      this.#hungry = outcome.needsInput;
      this.#drained = outcome.ended;
      const rejected = outcome.rejected.map((line) => this.#rejectedRow(line));
      this.#advance(this.#decoder.offset);
      if (outcome.rows > 0 || rejected.length > 0) return { kind: "rows", rejected };
    }
    await this.close();
    return { kind: "end" };
  }

  /** Feeds the decoder; false where the log has nothing more at the moment. */
  async #refill(): Promise<boolean> {
    if (this.#rest.byteLength === 0) {
      if (this.#chunks.length === 0 && !(await this.#nextPage())) return false;
      const chunk = this.#chunks.shift();
      if (chunk === undefined) {
        this.#decoder.finish();
        return true;
      }
      this.#lengths.push(chunk.lengths);
      this.#rest = ndjsonOf(chunk);
    }
    const taken = this.#decoder.feed(this.#rest);
    assert(taken > 0, "a decoder that needs input has room for it");
    this.#rest = this.#rest.subarray(taken);
    return true;
  }

  /** Takes the next page; leaves no chunk where the split ends here. */
  async #nextPage(): Promise<boolean> {
    if (this.#fetched === this.#until) return true;
    let page = await this.#page();
    if (page.chunks.length === 0 && !page.closed) {
      await this.#store.waitForMore(this.#name, this.#fetched, WAIT_MS);
      page = await this.#page();
    }
    if (page.chunks.length === 0) return page.closed;
    for (const chunk of page.chunks) {
      const cut = this.#until === undefined ? chunk : cutChunk(chunk, this.#until);
      if (cut.lengths.length > 0) this.#chunks.push(cut);
      this.#fetched = cut.first + cut.lengths.length;
    }
    if (!page.upToDate && this.#fetched !== this.#until) this.#readAhead();
    return true;
  }

  async #page(): Promise<LogPage> {
    if (this.#ahead === undefined) this.#readAhead();
    const result = await this.#ahead;
    this.#ahead = undefined;
    assert(result !== undefined, "a page was asked for");
    if ("error" in result) throw result.error;
    return result.page;
  }

  #readAhead(): void {
    this.#ahead = this.#store.read(this.#name, this.#fetched, PAGE_BYTES).then(
      (page) => ({ page }),
      (error: unknown) => ({ error }),
    );
  }

  /** Passes over the records that end at or before `offset` of the bytes that were fed. */
  #advance(offset: number): void {
    for (let lengths = this.#lengths[0]; lengths !== undefined && this.#markOffset < offset; ) {
      this.#markOffset += (lengths[this.#mark] as number) + 1;
      this.#mark += 1;
      this.#sequence += 1;
      if (this.#mark === lengths.length) {
        this.#lengths.shift();
        this.#mark = 0;
        lengths = this.#lengths[0];
      }
    }
  }

  #rejectedRow({ offset, reason, raw }: RejectedLine): RejectedRow {
    this.#advance(offset);
    return { position: `log ${this.#name}, sequence ${this.#sequence}`, reason, raw };
  }

  position(): PlainData {
    return { sequence: this.#sequence };
  }

  progress(): number | undefined {
    if (this.#until === undefined) return undefined;
    return this.#until === 0 ? 1 : this.#sequence / this.#until;
  }

  async close(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    this.#decoder.free();
    await this.#ahead;
  }
}

/** The records of a chunk before sequence `until`. */
function cutChunk(chunk: LogChunk, until: number): LogChunk {
  const kept = Math.max(0, Math.min(chunk.lengths.length, until - chunk.first));
  if (kept === chunk.lengths.length) return chunk;
  const lengths = chunk.lengths.slice(0, kept);
  const byteCount = lengths.reduce((sum, length) => sum + length + 1, 0);
  return { ...chunk, lengths, bytes: chunk.bytes.subarray(0, byteCount) };
}
