// Keeps the list of parts that make up each state's durable form short.
//
// A part whose rows are all dead is left out of the next manifest without being read: closed windows cost nothing.
// Where live parts still weigh too much, a new base is composed off the hot path: the parts are read back from the
// store and merged in a second, temporary kernel instance, never by copying the live state.
//
// Invariants:
// - A new base equals the parts it replaces; parts that became durable meanwhile stay after it, in their order.
// - It reaches the store as part of the next checkpoint, so nothing refers to it before a manifest does.

import type { KeyedState } from "../operators/keyed_state.ts";
import type { PartRef, StateSnapshot } from "../protocol/snapshot.ts";
import type { StatePart } from "./state_part.ts";

/** When parts are merged. */
export interface CompactionLimits {
  /** Parts may weigh, and have rows, this many times the live state … */
  readonly amplificationMax: number;
  /** … and weigh this much more: below it nobody cares how often little is merged, so it is not. */
  readonly spareBytes: number;
  /** More would make a restore slow by their number alone. */
  readonly partsMax: number;
}

export const defaultCompaction: CompactionLimits = { amplificationMax: 2, spareBytes: 1024 * 1024, partsMax: 64 };

/** Merges parts into one: reads them, keeps the newest row of each key, drops what is dead. */
export type Compose = (snapshot: StateSnapshot) => Promise<StatePart>;

/** What the live table weighs. */
type LiveSize = Pick<KeyedState, "stateBytes" | "entryCount">;

interface Composed {
  readonly part: StatePart;
  /** The names of the parts that it stands for. */
  readonly replaced: ReadonlySet<string>;
  /** Its own name, once a checkpoint has stored it. */
  storedAs: string | undefined;
}

interface StateParts {
  readonly durable: readonly PartRef[];
  composed: Composed | undefined;
}

export class Compactor {
  readonly #compose: Compose;
  readonly #limits: CompactionLimits;
  readonly #states = new Map<string, StateParts>();
  #running: Promise<void> | undefined;
  #failure: unknown;

  constructor(compose: Compose, limits: CompactionLimits) {
    this.#compose = compose;
    this.#limits = limits;
  }

  /** The state was brought back from these parts. Merging waits for the next checkpoint: what was read was waited for. */
  restored(snapshot: StateSnapshot): void {
    this.#states.set(keyOf(snapshot.uid, snapshot.state), { durable: snapshot.parts, composed: undefined });
  }

  /**
   * These parts are in a durable manifest now.
   * @param live what they stand for.
   */
  durable(snapshot: StateSnapshot, live: LiveSize): void {
    const { parts } = snapshot;
    const key = keyOf(snapshot.uid, snapshot.state);
    const before = this.#states.get(key)?.composed;
    const used = before?.storedAs !== undefined && parts.some((part) => part.name === before.storedAs);
    const composed = used ? undefined : before;
    this.#states.set(key, { durable: parts, composed });
    if (this.#running === undefined && composed === undefined && isDue(parts, live, this.#limits)) {
      this.#start(snapshot);
    }
  }

  #start(snapshot: StateSnapshot): void {
    const key = keyOf(snapshot.uid, snapshot.state);
    this.#running = this.#compose(snapshot)
      .then((part) => {
        const known = this.#states.get(key);
        const replaced = new Set(snapshot.parts.map((one) => one.name));
        if (known !== undefined) known.composed = { part, replaced, storedAs: undefined };
      })
      .catch((error: unknown) => {
        // Parts that checkpoints have left behind meanwhile may be collected, and are nobody's loss.
        const needed = new Set(this.#states.get(key)?.durable.map((part) => part.name));
        if (snapshot.parts.every((part) => needed.has(part.name))) this.#failure = error;
      })
      .finally(() => {
        this.#running = undefined;
      });
  }

  /**
   * The parts that a checkpoint builds on, oldest first: a finished base, which `store` makes durable, and the durable
   * parts that it does not replace; without those that are dead at `watermark`.
   */
  async parts(
    { uid, name }: Pick<KeyedState, "uid" | "name">,
    watermark: bigint,
    store: (part: StatePart) => Promise<PartRef>,
  ): Promise<PartRef[]> {
    const known = this.#states.get(keyOf(uid, name));
    if (known === undefined) return [];
    const { durable, composed } = known;
    const alive = (part: PartRef): boolean => part.expiresAt === null || BigInt(part.expiresAt) > watermark;
    if (composed === undefined) return durable.filter(alive);
    const base = await store(composed.part);
    composed.storedAs = base.name;
    return [base, ...durable.filter((part) => !composed.replaced.has(part.name))].filter(alive);
  }

  /** Surfaces what went wrong while composing: corrupted parts must not stay unnoticed. */
  rest(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure;
  }

  async settled(): Promise<void> {
    await this.#running;
  }
}

const keyOf = (uid: string, state: string): string => `${uid}/${state}`;

function isDue(parts: readonly PartRef[], live: LiveSize, limits: CompactionLimits): boolean {
  if (parts.length < 2) return false;
  const { amplificationMax, spareBytes, partsMax } = limits;
  const bytes = parts.reduce((sum, part) => sum + part.byteLength, 0);
  if (parts.length > partsMax || bytes > amplificationMax * live.stateBytes + spareBytes) return true;
  if (bytes <= spareBytes) return false;
  // Packed, rows weigh little, but each one takes its time at a restore. An entry may be more than one row: so the rows
  // are also compared with those of the oldest part, which is all that there was when parts were merged last.
  const rows = parts.reduce((sum, part) => sum + part.rowCount, 0);
  return rows > amplificationMax * Math.max(live.entryCount, parts[0]?.rowCount ?? 0);
}
