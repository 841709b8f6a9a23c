// One batch into the tables of a parallel window operator: each gets the rows of its own key groups, as an exchange
// would give them, and must find those late that the twin found late.

import type { Value } from "../../src/batch/record_batch.ts";
import { inRange, keyGroupOfHash, rangeOfSubtask } from "../../src/keygroup/key_group.ts";
import { equal } from "../expect.ts";
import { hashOfKey } from "./key_hash_twin.ts";

interface UpdatedTable {
  /** Numbers of the late rows. */
  update(epoch: number, rows: readonly Value[][], watermarks: readonly bigint[]): readonly number[];
}

export interface DividedBatch {
  readonly rows: readonly Value[][];
  readonly watermarks: readonly bigint[];
  readonly late: ReadonlySet<number>;
  readonly keys: readonly number[];
  readonly maxParallelism: number;
}

export function updateDivided(tables: readonly UpdatedTable[], epoch: number, batch: DividedBatch): void {
  const { rows, watermarks, late, keys, maxParallelism } = batch;
  const groups = rows.map((row) =>
    keyGroupOfHash(hashOfKey(keys.map((column) => row[column] as Value)), maxParallelism),
  );
  tables.forEach((table, subtask) => {
    const range = rangeOfSubtask(maxParallelism, tables.length, subtask);
    const own = [...rows.keys()].filter((row) => inRange(range, groups[row] as number));
    const found = table.update(
      epoch,
      own.map((row) => rows[row] as Value[]),
      own.map((row) => watermarks[row] as bigint),
    );
    equal(
      found.map((row) => own[row] as number),
      own.filter((row) => late.has(row)),
      "late rows",
    );
  });
}
