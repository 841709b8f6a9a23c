// Exactly-once commits into a SQL database, shared by every sink whose target lives in one: the fence and the ledger.
//
//   millrace_fence(target, branch, sink PRIMARY KEY, generation)      the newest generation that committed or prepared
//   millrace_ledger(branch, sink, checkpoint, number PRIMARY KEY)     one row a committable that took effect
//
// A commit is one transaction: raiseFence, enterLedger for each committable, the sink's own rows. The statements
// refuse by constraint, because a batch of SQL has no "if":
// - an older generation would set the fence to NULL, which is NOT NULL, so the whole transaction fails;
// - a committable that was committed before violates the ledger's key, so the whole transaction fails.
// So a commit of unknown outcome is simply tried again: query what the ledger has, commit the rest.

import { externalError, type MillraceError, userError } from "../base/errors.ts";
import type { SqlDatabase, SqlStatement } from "../platform/ports.ts";
import type { CommitScope } from "./sink.ts";

/** Within one branch and sink. */
export interface CommittableId {
  readonly checkpoint: number;
  readonly index: number;
}

export const ledgerTables = (): SqlStatement[] => [
  {
    sql:
      "CREATE TABLE IF NOT EXISTS millrace_fence (target TEXT NOT NULL, branch TEXT NOT NULL, sink TEXT NOT NULL," +
      " generation INTEGER NOT NULL, PRIMARY KEY (target, branch, sink)) WITHOUT ROWID",
    args: [],
  },
  {
    sql:
      "CREATE TABLE IF NOT EXISTS millrace_ledger (branch TEXT NOT NULL, sink TEXT NOT NULL," +
      " checkpoint INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (branch, sink, checkpoint, number))" +
      " WITHOUT ROWID",
    args: [],
  },
];

/** Fails the transaction where a newer generation holds the fence. `target` names the table or log. */
export const raiseFence = (target: string, scope: CommitScope): SqlStatement => ({
  sql:
    "INSERT INTO millrace_fence (target, branch, sink, generation) VALUES (?, ?, ?, ?)" +
    " ON CONFLICT (target, branch, sink) DO UPDATE SET generation =" +
    " CASE WHEN generation <= excluded.generation THEN excluded.generation ELSE NULL END",
  args: [target, scope.branch, scope.sink, scope.generation],
});

/** Fails the transaction where the committable was committed before. */
export const enterLedger = (scope: CommitScope, id: CommittableId): SqlStatement => ({
  sql: "INSERT INTO millrace_ledger (branch, sink, checkpoint, number) VALUES (?, ?, ?, ?)",
  args: [scope.branch, scope.sink, id.checkpoint, id.index],
});

/** Those of the committables that the ledger does not have, in the order given. */
export async function uncommitted<Id extends CommittableId>(
  database: SqlDatabase,
  scope: CommitScope,
  committables: readonly Id[],
): Promise<Id[]> {
  const missing: Id[] = [];
  const done = new Map<number, Set<number>>();
  for (const one of committables) {
    let numbers = done.get(one.checkpoint);
    if (numbers === undefined) {
      const rows = await database.query({
        sql: "SELECT number FROM millrace_ledger WHERE branch = ? AND sink = ? AND checkpoint = ?",
        args: [scope.branch, scope.sink, one.checkpoint],
      });
      numbers = new Set(rows.map((row) => Number(row[0])));
      done.set(one.checkpoint, numbers);
    }
    if (!numbers.has(one.index)) missing.push(one);
  }
  return missing;
}

/** Throws `fenced` where a newer generation than the scope's holds the fence. */
export async function refuseFenced(database: SqlDatabase, target: string, scope: CommitScope): Promise<void> {
  const rows = await database.query({
    sql: "SELECT generation FROM millrace_fence WHERE target = ? AND branch = ? AND sink = ?",
    args: [target, scope.branch, scope.sink],
  });
  const holder = rows[0] === undefined ? undefined : Number(rows[0][0]);
  if (holder !== undefined && holder > scope.generation) {
    throw userError(
      "fenced",
      `sink ${scope.sink}`,
      `generation ${scope.generation} may not commit to ${target}: generation ${holder} has taken over`,
    );
  }
}

/** Once per start of a sink: makes the tables and raises the fence. Harmless when repeated. */
export async function prepareLedger(database: SqlDatabase, target: string, scope: CommitScope): Promise<void> {
  try {
    await database.batch([...ledgerTables(), raiseFence(target, scope)]);
  } catch (error) {
    await refuseFenced(database, target, scope);
    throw commitFailed(target, scope, error);
  }
}

/** What a commit that failed for no reason of its own is reported as; the same call may succeed later. */
export const commitFailed = (target: string, scope: CommitScope, cause: unknown): MillraceError =>
  externalError(
    "commit_failed",
    `sink ${scope.sink}`,
    `the store of ${target} failed: ${cause instanceof Error ? cause.message : String(cause)}`,
    { cause },
  );
