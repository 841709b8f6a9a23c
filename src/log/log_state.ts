// What a log decides about an append, as pure functions: no store, no clock.
//
// State of a log = end, closed or not, last Stream-Seq, and per producer the epoch and last sequence.
// A group of appends is decided against a Draft; only when the group's transaction is durable is the draft merged
// and is anyone answered. The changes of a draft are one JSON text, stored in the same row as the records,
// so that producer state can never be older or newer than the data.

import { corruptionError } from "../base/errors.ts";
import { PRODUCER_IDLE_MS, PRODUCERS_MAX } from "./log_limits.ts";

/** An idempotent producer's coordinates: who, in which incarnation, which request. */
export interface ProducerTag {
  readonly id: string;
  readonly epoch: number;
  readonly sequence: number;
}

export interface AppendRequest {
  readonly records: readonly Uint8Array[];
  readonly producer?: ProducerTag | undefined;
  /** Must be greater, as text by code units, than the last one that was accepted. */
  readonly streamSequence?: string | undefined;
  /** Closes the log behind these records. */
  readonly close?: boolean;
}

/** Plain data, so that it crosses an RPC as it is. `next` is the log's end, `epoch`/`sequence` the producer's state. */
export type AppendOutcome =
  | { readonly kind: "accepted"; readonly first: number; readonly next: number; readonly closed: boolean }
  | Refused<"duplicate", { readonly epoch: number; readonly sequence: number }>
  /** Closing a closed log without records: nothing to do. */
  | Refused<"closed_before", object>
  | Refused<"log_closed", object>
  | Refused<"stale_epoch", { readonly epoch: number }>
  | Refused<"epoch_not_from_zero", { readonly epoch: number }>
  | Refused<"sequence_gap", { readonly expected: number }>
  | Refused<"stream_sequence", { readonly last: string }>
  | Refused<"producers_exhausted", object>;
type Refused<Kind extends string, More> = {
  readonly kind: Kind;
  readonly next: number;
  readonly closed: boolean;
} & More;

interface ProducerState {
  readonly epoch: number;
  readonly sequence: number;
  readonly usedAtMs: number;
}

export class LogState {
  next = 0;
  closed = false;
  streamSequence: string | undefined;
  readonly producers: Map<string, ProducerState> = new Map();

  /** Everything but `next`, as the text of a snapshot. */
  snapshot(): string {
    return JSON.stringify({
      closed: this.closed,
      streamSequence: this.streamSequence,
      producers: Array.from(this.producers, ([id, one]) => [id, one.epoch, one.sequence, one.usedAtMs]),
    } satisfies Changes);
  }

  /** Applies a snapshot or the meta text of a row; applying it twice has the effect of once. */
  apply(text: string, where: string): void {
    let changes: Changes;
    try {
      changes = JSON.parse(text) as Changes;
    } catch (error) {
      throw corruptionError("log_corrupt", where, "the stored producer state of the log is not JSON", { cause: error });
    }
    for (const id of changes.forgotten ?? []) this.producers.delete(id);
    for (const [id, epoch, sequence, usedAtMs] of changes.producers ?? []) {
      this.producers.set(id, { epoch, sequence, usedAtMs });
    }
    if (changes.streamSequence !== undefined) this.streamSequence = changes.streamSequence;
    if (changes.closed === true) this.closed = true;
  }
}

interface Changes {
  /** Who wrote the row, so that a commit of unknown outcome can be recognised. */
  readonly writer?: string;
  readonly closed?: boolean | undefined;
  readonly streamSequence?: string | undefined;
  readonly forgotten?: readonly string[];
  readonly producers?: readonly (readonly [id: string, epoch: number, sequence: number, usedAtMs: number])[];
}

/** The writer of a row, or undefined where its meta names none. */
export function writerOf(meta: string): string | undefined {
  try {
    return (JSON.parse(meta) as Changes).writer;
  } catch (error) {
    throw corruptionError("log_corrupt", "row meta", "the stored meta text of a log row is not JSON", { cause: error });
  }
}

export class Draft {
  readonly #base: LogState;
  readonly #producers: Map<string, ProducerState> = new Map();
  readonly #forgotten: Set<string> = new Set();
  #streamSequence: string | undefined;
  #closed: boolean;
  next: number;

  constructor(base: LogState) {
    this.#base = base;
    this.#streamSequence = base.streamSequence;
    this.#closed = base.closed;
    this.next = base.next;
  }

  /** Order of the checks: fencing and duplicates first, so that a retry of what succeeded is never refused. */
  decide(request: AppendRequest, nowMs: number): AppendOutcome {
    const { producer } = request;
    const place = { next: this.next, closed: this.#closed };
    if (producer !== undefined) {
      const refused = this.#checkProducer(producer);
      if (refused !== undefined) return refused;
    }
    if (this.#closed) {
      if (request.close === true && request.records.length === 0 && producer === undefined) {
        return { kind: "closed_before", ...place };
      }
      return { kind: "log_closed", ...place };
    }
    const { streamSequence } = request;
    if (streamSequence !== undefined && this.#streamSequence !== undefined && streamSequence <= this.#streamSequence) {
      return { kind: "stream_sequence", last: this.#streamSequence, ...place };
    }
    if (producer !== undefined) {
      if (!this.#makeRoom(producer.id, nowMs)) return { kind: "producers_exhausted", ...place };
      this.#producers.set(producer.id, { epoch: producer.epoch, sequence: producer.sequence, usedAtMs: nowMs });
    }
    if (streamSequence !== undefined) this.#streamSequence = streamSequence;
    if (request.close === true) this.#closed = true;
    const first = this.next;
    this.next += request.records.length;
    return { kind: "accepted", first, next: this.next, closed: this.#closed };
  }

  /** This draft closes the log. */
  get closes(): boolean {
    return this.#closed && !this.#base.closed;
  }

  #producer(id: string): ProducerState | undefined {
    return this.#producers.get(id) ?? (this.#forgotten.has(id) ? undefined : this.#base.producers.get(id));
  }

  #checkProducer(tag: ProducerTag): AppendOutcome | undefined {
    const place = { next: this.next, closed: this.#closed };
    const known = this.#producer(tag.id);
    if (known === undefined || tag.epoch > known.epoch) {
      if (tag.sequence === 0) return undefined;
      if (known === undefined) return { kind: "sequence_gap", expected: 0, ...place };
      return { kind: "epoch_not_from_zero", epoch: known.epoch, ...place };
    }
    if (tag.epoch < known.epoch) return { kind: "stale_epoch", epoch: known.epoch, ...place };
    if (tag.sequence <= known.sequence) {
      return { kind: "duplicate", epoch: known.epoch, sequence: known.sequence, ...place };
    }
    if (tag.sequence > known.sequence + 1) return { kind: "sequence_gap", expected: known.sequence + 1, ...place };
    return undefined;
  }

  /** A new producer beyond the limit takes the place of the one that was silent longest, if that was very long. */
  #makeRoom(id: string, nowMs: number): boolean {
    if (this.#producer(id) !== undefined) return true;
    let kept = this.#base.producers.size - this.#forgotten.size;
    for (const one of this.#producers.keys()) {
      if (!this.#base.producers.has(one) || this.#forgotten.has(one)) kept++;
    }
    if (kept < PRODUCERS_MAX) return true;
    let oldest: string | undefined;
    let oldestMs = nowMs - PRODUCER_IDLE_MS;
    for (const [one, state] of this.#base.producers) {
      if (this.#producers.has(one) || this.#forgotten.has(one) || state.usedAtMs >= oldestMs) continue;
      oldest = one;
      oldestMs = state.usedAtMs;
    }
    if (oldest === undefined) return false;
    this.#forgotten.add(oldest);
    return true;
  }

  /** What the draft changed, as the meta text of the row that stores it. */
  changes(writer: string): string {
    const base = this.#base;
    return JSON.stringify({
      writer,
      closed: this.#closed && !base.closed ? true : undefined,
      streamSequence: this.#streamSequence === base.streamSequence ? undefined : this.#streamSequence,
      ...(this.#forgotten.size > 0 ? { forgotten: Array.from(this.#forgotten) } : {}),
      ...(this.#producers.size > 0
        ? {
            producers: Array.from(this.#producers, ([id, one]) => [id, one.epoch, one.sequence, one.usedAtMs] as const),
          }
        : {}),
    } satisfies Changes);
  }
}
