// Virtual time and a seeded order of events: everything that happens in a simulation happens here.
//
// Invariants:
// - One seed gives one history: ties and latencies are drawn from the seed, and between two events every promise
//   reaction runs to its end before the next event is taken.
// - What belongs to a dead incarnation never happens: its events are dropped when their time comes.

import { type Prng, seededPrng } from "../../src/base/prng.ts";
import { hexOf, utf8 } from "../../src/base/bytes.ts";
import type { Digest } from "../../src/platform/ports.ts";

interface Scheduled {
  readonly atMs: number;
  /** Drawn from the seed: the order of events at the same time. */
  readonly tie: number;
  readonly sequence: number;
  readonly owner: Incarnation | undefined;
  readonly run: () => void;
}

/** One life of the simulated process. */
export class Incarnation {
  readonly number: number;
  alive = true;
  /** Until then nothing of it happens (a stopped process, a frozen isolate). */
  pausedUntilMs = 0;

  constructor(number: number) {
    this.number = number;
  }
}

export class World {
  readonly prng: Prng;
  nowMs = 0;
  /** Events taken so far. */
  steps = 0;
  readonly #heap: Scheduled[] = [];
  #sequence = 0;
  readonly #trace: ReturnType<Digest["sha256"]>;
  readonly #log: string[] | undefined;

  readonly #settle: () => Promise<void>;

  /** @param settle runs every promise reaction that is due; a macrotask of the host. */
  constructor(seed: number, digest: Digest, settle: () => Promise<void>, keepLog = false) {
    this.prng = seededPrng(seed);
    this.#trace = digest.sha256();
    this.#settle = settle;
    this.#log = keepLog ? [] : undefined;
  }

  note(text: string): void {
    const line = `${this.nowMs.toFixed(3)} ${text}`;
    this.#trace.update(utf8(`${line}\n`));
    this.#log?.push(line);
  }
  get log(): readonly string[] {
    return this.#log ?? [];
  }
  traceHash(): string {
    return hexOf(this.#trace.finish());
  }

  schedule(delayMs: number, owner: Incarnation | undefined, run: () => void): void {
    const entry = { atMs: this.nowMs + delayMs, tie: this.prng.nextU32(), sequence: this.#sequence++, owner, run };
    this.#push(entry);
  }

  /** A promise that resolves after `delayMs`, or never if its owner dies first. */
  delay(delayMs: number, owner: Incarnation): Promise<void> {
    return new Promise((resolve) => this.schedule(delayMs, owner, resolve));
  }

  /** Takes events until `done`, or until nothing is left or `limitMs` of virtual time have passed. */
  async run(done: () => boolean, limitMs: number): Promise<"done" | "quiet" | "time is up"> {
    await this.#settle();
    for (;;) {
      if (done()) return "done";
      const next = this.#pop();
      if (next === undefined) return "quiet";
      if (next.owner?.alive === false) continue;
      if (next.owner !== undefined && next.owner.pausedUntilMs > next.atMs) {
        this.#push({ ...next, atMs: next.owner.pausedUntilMs });
        continue;
      }
      if (next.atMs > limitMs) {
        this.#push(next);
        return "time is up";
      }
      this.nowMs = next.atMs;
      this.steps++;
      next.run();
      await this.#settle();
    }
  }

  #push(entry: Scheduled): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!before(heap[at] as Scheduled, heap[parent] as Scheduled)) break;
      [heap[at], heap[parent]] = [heap[parent] as Scheduled, heap[at] as Scheduled];
      at = parent;
    }
  }

  #pop(): Scheduled | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    heap[0] = last;
    let at = 0;
    for (;;) {
      const left = at * 2 + 1;
      if (left >= heap.length) break;
      const right = left + 1;
      const child = right < heap.length && before(heap[right] as Scheduled, heap[left] as Scheduled) ? right : left;
      if (!before(heap[child] as Scheduled, heap[at] as Scheduled)) break;
      [heap[at], heap[child]] = [heap[child] as Scheduled, heap[at] as Scheduled];
      at = child;
    }
    return first;
  }
}

const before = (left: Scheduled, right: Scheduled): boolean =>
  (left.atMs - right.atMs || left.tie - right.tie || left.sequence - right.sequence) < 0;
