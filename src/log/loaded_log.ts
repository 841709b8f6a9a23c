// A log as its owner holds it in memory: the head row and the state that the rows since its snapshot add up to.
// Loading reads one head, one snapshot and the metas of at most a snapshot's distance of rows, never the records.

import { corruptionError } from "../base/errors.ts";
import type { SqlDatabase } from "../platform/ports.ts";
import { LogState } from "./log_state.ts";
import { type LogHead, queryHead, queryMetas } from "./log_tables.ts";

const METAS_PER_QUERY = 256;

export class LoadedLog {
  readonly head: LogHead;
  readonly state: LogState = new LogState();
  rowsSinceSnapshot = 0;

  constructor(head: LogHead) {
    this.head = head;
    this.state.next = head.snapshotSequence;
    this.state.apply(head.snapshot, `log ${head.name}, snapshot`);
  }

  /** Takes in the rows that were stored behind the known end; idempotent. */
  async refresh(database: SqlDatabase): Promise<void> {
    const { head, state } = this;
    for (;;) {
      const rows = await queryMetas(database, head.id, state.next, METAS_PER_QUERY);
      for (const row of rows) {
        // The owner's own commit may have been merged while the query ran.
        if (row.first < state.next) continue;
        if (row.first !== state.next) {
          throw corruptionError(
            "log_corrupt",
            `log ${head.name}`,
            `the log has no row for sequence ${state.next}, the next row starts at ${row.first}`,
          );
        }
        state.apply(row.meta, `log ${head.name}, row ${row.first}`);
        state.next = row.first + row.records;
        this.rowsSinceSnapshot += 1;
      }
      if (rows.length < METAS_PER_QUERY) return;
    }
  }
}

/** Undefined where there is no log of that name. */
export async function loadLog(database: SqlDatabase, name: string): Promise<LoadedLog | undefined> {
  const head = await queryHead(database, name);
  if (head === undefined) return undefined;
  const loaded = new LoadedLog(head);
  await loaded.refresh(database);
  return loaded;
}
