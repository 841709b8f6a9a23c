// Virtual time and a seeded order of events: everything that happens in a simulation happens here.
//
// Invariants:
// - One seed gives one history: ties and latencies are drawn from the seed, and between two events every promise
//   reaction runs to its end before the next event is taken.
// - What belongs to a dead process never happens: its events are dropped when their time comes.

import { type Prng, seededPrng } from "../../src/base/prng.ts";
import { hexOf, utf8 } from "../../src/base/bytes.ts";
import type { Digest } from "../../src/platform/ports.ts";
import type { Turns } from "./turns.ts";

export interface Scheduled {
  readonly atMs: number;
  /** Drawn from the seed: the order of events at the same time. */
  readonly tie: number;
  readonly sequence: number;
  readonly owner: SimProcess | undefined;
  readonly run: () => void;
  cancelled: boolean;
}

/** One life of one simulated process. */
export class SimProcess {
  readonly number: number;
  readonly role: "coordinator" | "worker";
  alive = true;
  /** Until then nothing of it happens (a stopped process, a frozen isolate). */
  pausedUntilMs = 0;
  /** What its wall clock is off by. */
  skewMs = 0;
  /** The stage of the protocol that it passed last. */
  stage = "starting";

  constructor(number: number, role: SimProcess["role"]) {
    this.number = number;
    this.role = role;
  }

  get name(): string {
    return `${this.role === "worker" ? "w" : "c"}${this.number}`;
  }
}

/** Why no more events are taken. */
type Outcome = "done" | "quiet" | "time is up";

/** Lines are hashed in bundles: a call for each would cost as much as the line. */
const LINES_A_BUNDLE = 64;

export class World {
  readonly prng: Prng;
  nowMs = 0;
  /** Events taken so far. */
  steps = 0;
  /** Told when an event throws: the process that it belongs to has died of it. */
  onThrow: (owner: SimProcess | undefined, thrown: unknown) => void = (_owner, thrown) => {
    throw thrown;
  };
  readonly #heap: Scheduled[] = [];
  #sequence = 0;
  readonly #trace: ReturnType<Digest["sha256"]>;
  #lines: string[] = [];
  readonly #log: string[] | undefined;

  readonly #turns: Turns;

  constructor(seed: number, digest: Digest, turns: Turns, keepLog = false) {
    this.prng = seededPrng(seed);
    this.#trace = digest.sha256();
    this.#turns = turns;
    this.#log = keepLog ? [] : undefined;
  }

  note(text: string): void {
    const line = `${this.nowMs.toFixed(3)} ${text}`;
    if (this.#lines.push(line) === LINES_A_BUNDLE) this.#hashLines();
    this.#log?.push(line);
  }
  #hashLines(): void {
    this.#trace.update(utf8(this.#lines.join("\n")));
    this.#lines = [];
  }
  get log(): readonly string[] {
    return this.#log ?? [];
  }
  traceHash(): string {
    this.#hashLines();
    return hexOf(this.#trace.finish());
  }

  schedule(delayMs: number, owner: SimProcess | undefined, run: () => void): Scheduled {
    const tie = this.prng.nextU32();
    const entry = { atMs: this.nowMs + delayMs, tie, sequence: this.#sequence++, owner, run, cancelled: false };
    this.#push(entry);
    return entry;
  }

  /** A promise that resolves after `delayMs`, or never if its owner dies first. */
  delay(delayMs: number, owner: SimProcess): Promise<void> {
    return new Promise((resolve) => this.schedule(delayMs, owner, resolve));
  }

  /** Takes events until `done`, or until nothing is left or `limitMs` of virtual time have passed. */
  run(done: () => boolean, limitMs: number): Promise<Outcome> {
    const { macrotask, drain } = this.#turns;
    return new Promise((resolve, reject) => {
      const go = (): void => {
        try {
          for (;;) {
            const outcome = this.#next(done, limitMs);
            if (outcome !== undefined) return resolve(outcome);
            if (drain === undefined) return macrotask(go);
            drain();
          }
        } catch (thrown) {
          reject(thrown);
        }
      };
      // What is due before the first event runs before this macrotask.
      macrotask(go);
    });
  }

  /** Takes one event; answers why none is to follow. */
  #next(done: () => boolean, limitMs: number): Outcome | undefined {
    if (done()) return "done";
    for (;;) {
      const next = this.#pop();
      if (next === undefined) return "quiet";
      if (next.cancelled || next.owner?.alive === false) continue;
      if (next.owner !== undefined && next.owner.pausedUntilMs > next.atMs) {
        this.#push({ ...next, atMs: next.owner.pausedUntilMs });
        continue;
      }
      if (next.atMs > limitMs) {
        this.#push(next);
        this.nowMs = limitMs;
        return "time is up";
      }
      this.nowMs = next.atMs;
      this.steps++;
      try {
        next.run();
      } catch (thrown) {
        this.onThrow(next.owner, thrown);
      }
      return undefined;
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
