// Composes a new base of an operator's state from its parts, off the hot path: the store's parts are read back and
// merged in a second, temporary kernel instance, never by copying the live state.
//
// Invariants:
// - The new base equals the parts it replaces; parts that became durable meanwhile stay after it.
// - It reaches the store as part of the next checkpoint, so nothing refers to it before a manifest does.

import type { OperatorUid } from "../base/ids.ts";
import type { OperatorSnapshot, PartRef } from "../protocol/snapshot.ts";

const MIN_DELTA_BYTES = 1024 * 1024;
const PARTS_MAX = 64;

export interface ComposedBase {
  readonly bytes: Uint8Array;
  readonly rowCount: number;
  /** Parts that are newer than what was merged. */
  readonly after: readonly PartRef[];
}

/** Merges parts into one: reads them, keeps the newest row of each key, drops what is closed. */
export type Compose = (snapshot: OperatorSnapshot) => Promise<{ bytes: Uint8Array; rowCount: number }>;

interface OperatorParts {
  durable: readonly PartRef[];
  /** Finished composition, and how many of the durable parts it replaces. */
  composed: { readonly bytes: Uint8Array; readonly rowCount: number; readonly replaced: number } | undefined;
}

export class Compactor {
  readonly #compose: Compose;
  readonly #operators = new Map<OperatorUid, OperatorParts>();
  #running: Promise<void> | undefined;
  #failure: unknown;

  constructor(compose: Compose) {
    this.#compose = compose;
  }

  durableParts(uid: OperatorUid): readonly PartRef[] {
    return this.#operators.get(uid)?.durable ?? [];
  }

  /** These parts are in a durable manifest now. Starts a composition where they have become many. */
  durable(snapshot: OperatorSnapshot): void {
    const { uid, parts } = snapshot;
    const known = this.#operators.get(uid);
    // A manifest that begins with other parts contains the composed base: it is used up.
    const same = known?.durable.every((part, index) => parts[index]?.name === part.name) === true;
    const composed = same ? known?.composed : undefined;
    this.#operators.set(uid, { durable: parts, composed });
    if (this.#running === undefined && composed === undefined && isDue(parts)) this.#start(snapshot);
  }

  #start(snapshot: OperatorSnapshot): void {
    this.#running = this.#compose(snapshot)
      .then(({ bytes, rowCount }) => {
        const known = this.#operators.get(snapshot.uid);
        if (known !== undefined) known.composed = { bytes, rowCount, replaced: snapshot.parts.length };
      })
      .catch((error: unknown) => {
        this.#failure = error;
      })
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** The finished composition, with the durable parts that are newer than it. */
  takeBase(uid: OperatorUid): ComposedBase | undefined {
    const known = this.#operators.get(uid);
    if (known?.composed === undefined) return undefined;
    const { bytes, rowCount, replaced } = known.composed;
    return { bytes, rowCount, after: known.durable.slice(replaced) };
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

/** Deltas weigh more than half of the base, or there are too many to read back quickly. */
function isDue(parts: readonly PartRef[]): boolean {
  const [base, ...deltas] = parts;
  if (base === undefined || deltas.length === 0) return false;
  const deltaBytes = deltas.reduce((sum, part) => sum + part.byteLength, 0);
  return deltas.length >= PARTS_MAX || (deltaBytes >= MIN_DELTA_BYTES && deltaBytes * 2 > base.byteLength);
}
