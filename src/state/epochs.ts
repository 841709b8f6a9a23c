// The order in which epochs pass over a table of keyed state: assertions that every kind of table shares.

import { assert } from "../base/assert.ts";
import { corruptionError } from "../base/errors.ts";
import { equalSchemas, type Schema } from "../batch/schema.ts";

export class Epochs {
  #latest = 0;
  #completed = 0;

  /** Changes are about to be noted under `epoch`. */
  update(epoch: number): void {
    assert(epoch >= 1 && epoch >= this.#latest && epoch > this.#completed, "epochs never go back");
    this.#latest = epoch;
  }

  gather(afterEpoch: number): void {
    assert(afterEpoch === -1 || afterEpoch >= this.#completed, "changes of completed epochs are forgotten");
  }

  completed(epoch: number): void {
    this.#completed = Math.max(this.#completed, epoch);
  }

  restore(): void {
    assert(this.#latest === 0, "state is restored before anything else");
  }
}

/** State rows come from outside: what they look like is checked before they are read. */
export function checkStateSchema(found: Schema, wanted: Schema, where: string): void {
  if (equalSchemas(found, wanted)) return;
  const names = (schema: Schema): string => schema.map((one) => `${one.name} ${one.type}`).join(", ");
  const message = `state has columns (${names(found)}); this operator keeps (${names(wanted)})`;
  throw corruptionError("state_schema_mismatch", where, message);
}
