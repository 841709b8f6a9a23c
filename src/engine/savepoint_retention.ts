// Which savepoints have been kept for long enough.
//
// Invariants: what has a name, what is still being written and what is on its way to the archive stays. The newest
// `retained` of a job stay, those that failed counted by themselves: a failure must not push out what can be restored.

import type { SavepointRecord } from "./savepoint_record.ts";

/** @param retained of each job, at least 1; @returns oldest first */
export function outlived(records: readonly SavepointRecord[], retained: number): readonly string[] {
  const newestFirst = [...records].sort(
    (left, right) => right.createdAtMs - left.createdAtMs || (left.savepoint < right.savepoint ? 1 : -1),
  );
  const seen = new Map<string, number>();
  const gone: string[] = [];
  for (const { savepoint, jobId, status, name, archive, keptIn } of newestFirst) {
    if (status === "IN_PROGRESS" || name !== null || (archive && keptIn === "store" && status === "COMPLETED"))
      continue;
    const key = `${status} ${jobId}`;
    const count = (seen.get(key) ?? 0) + 1;
    seen.set(key, count);
    if (count > retained) gone.push(savepoint);
  }
  return gone.reverse();
}
