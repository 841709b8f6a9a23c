// Which rows of a table that is kept in JavaScript have changed since an epoch; a delta is made from it.
//
// One list an epoch holds the rows that changed in it for the first time. A row that is gone stays in its list as a
// tombstone until a completed checkpoint holds it.
//
// Invariants:
// - A row stands in the list of its last change; entries in earlier lists are stale, and recognised by its epoch.
// - A row that was born and removed within one epoch leaves nothing: no checkpoint can have seen it.
// - Where a slot is emptied and filled again, the tombstone stands before the new row.

import { assert } from "../base/assert.ts";

export interface Journaled {
  readonly keyGroup: number;
  /** 0 for a row that a checkpoint brought back. */
  readonly bornEpoch: number;
  changedEpoch: number;
  live: boolean;
}

interface EpochList<Row> {
  readonly epoch: number;
  readonly rows: Row[];
}

export class ChangeJournal<Row extends Journaled> {
  #lists: EpochList<Row>[] = [];
  #completed = 0;

  /** The row is new, has another value, or is removed (and not `live`). */
  changed(row: Row, epoch: number): void {
    const last = this.#lists.at(-1);
    assert(epoch > this.#completed && epoch >= (last?.epoch ?? 0), "epochs never go back");
    if (last?.epoch === epoch) {
      if (row.changedEpoch === epoch) return;
      last.rows.push(row);
    } else {
      this.#lists.push({ epoch, rows: [row] });
    }
    row.changedEpoch = epoch;
  }

  /** Changed after `epoch`, ordered by key group; a row that is not `live` is a tombstone. */
  since(epoch: number): Row[] {
    assert(epoch >= this.#completed, "changes of completed epochs are forgotten");
    const found: Row[] = [];
    for (const list of this.#lists) {
      if (list.epoch <= epoch) continue;
      for (const row of list.rows) {
        const stale = row.changedEpoch !== list.epoch;
        const unseen = !row.live && row.bornEpoch === row.changedEpoch;
        if (!stale && !unseen) found.push(row);
      }
    }
    return found.sort((left, right) => left.keyGroup - right.keyGroup);
  }

  /** A durable checkpoint holds all changes up to and including `epoch`. */
  completed(epoch: number): void {
    this.#completed = Math.max(this.#completed, epoch);
    this.#lists = this.#lists.filter((list) => list.epoch > epoch);
  }
}
