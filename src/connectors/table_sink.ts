// Rows into a table of a SQLite-dialect database, exactly once.
//
// Staged bytes are encoded batches. A committable is one transaction of the target: fence, ledger row, rows. What the
// ledger has is skipped, so a replay is harmless; a commit by an older generation is refused with `fenced`.
//
// Of a stream that takes rows back, what the rows of a checkpoint amount to is staged: at most one change a primary key,
// so that the order of changes, and where committables are cut, no longer matter.

import { MillraceError } from "../base/errors.ts";
import type { RecordBatch } from "../batch/record_batch.ts";
import { columnIndex } from "../batch/schema.ts";
import { encodeBatch } from "../batch/wire.ts";
import { decodePart } from "../checkpoint/part_batches.ts";
import type { SqlDatabase, SqlStatement } from "../platform/ports.ts";
import { commitFailed, enterLedger, prepareLedger, raiseFence, refuseFenced, uncommitted } from "./commit_ledger.ts";
import { gathered, type NettedRow, NettedRows, nettedByKey } from "./netted_rows.ts";
import type { Committable, CommitScope, SinkConnector, SinkWriter } from "./sink.ts";
import { StagedBytes } from "./staged_bytes.ts";
import { RowStatements } from "./table_rows.ts";
import { checkNames, compareTable, createTable, type TableTarget } from "./table_schema.ts";

/** Encoded rows of one transaction: large enough to make syncing cheap, small enough for memory and for one call. */
const COMMITTABLE_BYTES = 4 * 1024 * 1024;

/** What a database takes that does not say: a Durable Object's limit. */
const PARAMETERS_DEFAULT = 100;

export type { TableTarget } from "./table_schema.ts";

export function tableSink(database: SqlDatabase, target: TableTarget): SinkConnector {
  return new TableSink(database, target);
}

class TableSink implements SinkConnector {
  readonly guarantee = "exactly_once";
  readonly #database: SqlDatabase;
  readonly #target: TableTarget;

  constructor(database: SqlDatabase, target: TableTarget) {
    this.#database = database;
    this.#target = target;
  }

  writer(): SinkWriter {
    return this.#target.updating === true ? new NettedRowWriter(this.#target) : new EncodedBatchWriter();
  }

  async prepare(scope: CommitScope): Promise<void> {
    checkNames(this.#target);
    await this.#database.batch([createTable(this.#target)]);
    await compareTable(this.#database, this.#target);
    await prepareLedger(this.#database, this.#target.table, scope);
  }

  async commit(scope: CommitScope, committables: readonly Committable[]): Promise<void> {
    // Even where nothing is left to do, a generation that has been replaced must hear of it.
    await refuseFenced(this.#database, this.#target.table, scope);
    for (const one of await uncommitted(this.#database, scope, committables)) await this.#commitOne(scope, one);
  }

  async #commitOne(scope: CommitScope, committable: Committable): Promise<void> {
    const { table } = this.#target;
    const statements: SqlStatement[] = [raiseFence(table, scope), enterLedger(scope, committable)];
    const rows = new RowStatements(this.#target, this.#database.parametersMax ?? PARAMETERS_DEFAULT);
    const where = `sink ${scope.sink}, checkpoint ${committable.checkpoint}, committable ${committable.index}`;
    for (const batch of decodePart(committable.bytes, where)) rows.add(batch);
    statements.push(...rows.finish());
    try {
      await this.#database.batch(statements);
    } catch (error) {
      await refuseFenced(this.#database, table, scope);
      // Another call may have committed the same one meanwhile.
      if ((await uncommitted(this.#database, scope, [committable])).length === 0) return;
      throw error instanceof MillraceError ? error : commitFailed(table, scope, error);
    }
  }
}

class EncodedBatchWriter implements SinkWriter {
  readonly readsInPlace = true;
  readonly #staged = new StagedBytes(COMMITTABLE_BYTES);

  get stagedBytes(): number {
    return this.#staged.totalBytes;
  }

  write(batch: RecordBatch): void {
    if (batch.rowCount > 0) this.#staged.add(encodeBatch(batch));
  }

  stage(): readonly Uint8Array[] {
    return this.#staged.take();
  }
}

class NettedRowWriter implements SinkWriter {
  readonly #keyColumns: readonly number[];
  readonly #rows = new NettedRows();

  constructor({ schema, primaryKey }: TableTarget) {
    this.#keyColumns = primaryKey.map((name) => columnIndex(schema, name));
  }

  get stagedBytes(): number {
    return this.#rows.bytes;
  }

  write(batch: RecordBatch): void {
    this.#rows.add(batch);
  }

  stage(): readonly Uint8Array[] {
    const staged = new StagedBytes(COMMITTABLE_BYTES);
    const rows = nettedByKey(this.#rows.take(), this.#keyColumns);
    // Statements take many rows of one kind.
    const kinds: readonly ((one: NettedRow) => boolean)[] = [(one) => one.weight < 0, (one) => one.weight > 0];
    for (const isKind of kinds) {
      for (const batch of gathered(rows.filter(isKind))) staged.add(encodeBatch(batch));
    }
    return staged.take();
  }
}
