// The directory object: which jobs and savepoints exist, and in which object each lives.
//
// Invariants:
// - A row is written before the object that it names is first touched, so nothing stored can be forgotten.
// - It holds names only; what an object has to say is asked of the object itself.

import { DurableObject } from "cloudflare:workers";
import type { SqlDatabase, SqlRow } from "../../src/platform/ports.ts";
import { DurableSql } from "./durable_sql.ts";
import { enclose, type Envelope, unfold } from "./envelope.ts";
import { type DirectoryCalls, directoryOf, type Env } from "./objects.ts";

const schema = [
  "CREATE TABLE IF NOT EXISTS jobs (job TEXT PRIMARY KEY, added INTEGER NOT NULL) WITHOUT ROWID",
  "CREATE TABLE IF NOT EXISTS logs (log TEXT PRIMARY KEY, added INTEGER NOT NULL) WITHOUT ROWID",
  "CREATE TABLE IF NOT EXISTS savepoints (savepoint TEXT PRIMARY KEY, cell TEXT NOT NULL, added INTEGER NOT NULL) WITHOUT ROWID",
];

/** The questions that the directory answers, typed for both ends. */
export interface Directory {
  addJob(jobId: string): Promise<void>;
  removeJob(jobId: string): Promise<void>;
  hasJob(jobId: string): Promise<boolean>;
  /** Oldest first. */
  jobs(): Promise<readonly string[]>;
  addLog(name: string): Promise<void>;
  removeLog(name: string): Promise<void>;
  hasLog(name: string): Promise<boolean>;
  addSavepoint(savepoint: string, cell: string): Promise<void>;
  removeSavepoint(savepoint: string): Promise<void>;
  /** The object that holds it; null where there is none of that id. */
  cellOfSavepoint(savepoint: string): Promise<string | null>;
  savepoints(): Promise<readonly { readonly savepoint: string; readonly cell: string }[]>;
}

const questions = [
  "addJob",
  "removeJob",
  "hasJob",
  "jobs",
  "addLog",
  "removeLog",
  "hasLog",
  "addSavepoint",
  "removeSavepoint",
  "cellOfSavepoint",
  "savepoints",
] as const;

class StoredDirectory implements Directory {
  readonly #sql: SqlDatabase;

  constructor(sql: SqlDatabase) {
    this.#sql = sql;
  }
  async addJob(jobId: string): Promise<void> {
    await this.#write("INSERT OR IGNORE INTO jobs (job, added) VALUES (?, ?)", jobId, Date.now());
  }
  async removeJob(jobId: string): Promise<void> {
    await this.#write("DELETE FROM jobs WHERE job = ?", jobId);
  }
  async hasJob(jobId: string): Promise<boolean> {
    return (await this.#read("SELECT 1 FROM jobs WHERE job = ?", jobId)).length > 0;
  }
  async jobs(): Promise<readonly string[]> {
    return (await this.#read("SELECT job FROM jobs ORDER BY added, job")).map((row) => String(row[0]));
  }
  async addLog(name: string): Promise<void> {
    await this.#write("INSERT OR IGNORE INTO logs (log, added) VALUES (?, ?)", name, Date.now());
  }
  async removeLog(name: string): Promise<void> {
    await this.#write("DELETE FROM logs WHERE log = ?", name);
  }
  async hasLog(name: string): Promise<boolean> {
    return (await this.#read("SELECT 1 FROM logs WHERE log = ?", name)).length > 0;
  }
  async addSavepoint(savepoint: string, cell: string): Promise<void> {
    await this.#write(
      "INSERT OR IGNORE INTO savepoints (savepoint, cell, added) VALUES (?, ?, ?)",
      savepoint,
      cell,
      Date.now(),
    );
  }
  async removeSavepoint(savepoint: string): Promise<void> {
    await this.#write("DELETE FROM savepoints WHERE savepoint = ?", savepoint);
  }
  async cellOfSavepoint(savepoint: string): Promise<string | null> {
    const [row] = await this.#read("SELECT cell FROM savepoints WHERE savepoint = ?", savepoint);
    return row === undefined ? null : String(row[0]);
  }
  async savepoints(): Promise<readonly { savepoint: string; cell: string }[]> {
    const rows = await this.#read("SELECT savepoint, cell FROM savepoints ORDER BY added, savepoint");
    return rows.map((row) => ({ savepoint: String(row[0]), cell: String(row[1]) }));
  }

  #write(sql: string, ...args: (string | number)[]): Promise<void> {
    return this.#sql.batch([{ sql, args }]);
  }
  #read(sql: string, ...args: string[]): Promise<readonly SqlRow[]> {
    return this.#sql.query({ sql, args });
  }
}

export class DirectoryObject extends DurableObject<Env> implements DirectoryCalls {
  #opened: Promise<StoredDirectory> | undefined;

  ask(method: string, args: readonly unknown[]): Promise<Envelope> {
    return enclose("directory", async () => {
      const directory = await this.#open();
      const known = questions.find((one) => one === method);
      if (known === undefined) throw new Error(`the directory knows no ${method}`);
      return await (directory[known] as (...given: unknown[]) => Promise<unknown>)(...args);
    });
  }

  #open(): Promise<StoredDirectory> {
    this.#opened ??= (async () => {
      const sql = new DurableSql(this.ctx.storage);
      await sql.batch(schema.map((statement) => ({ sql: statement, args: [] })));
      return new StoredDirectory(sql);
    })().catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }
}

/** The directory as the Worker sees it. */
export function remoteDirectory(env: Env): Directory {
  const ask = <T>(method: (typeof questions)[number], ...args: unknown[]): Promise<T> =>
    unfold<T>("directory", () => directoryOf(env).ask(method, args));
  return {
    addJob: (jobId) => ask("addJob", jobId),
    removeJob: (jobId) => ask("removeJob", jobId),
    hasJob: (jobId) => ask("hasJob", jobId),
    jobs: () => ask("jobs"),
    addLog: (name) => ask("addLog", name),
    removeLog: (name) => ask("removeLog", name),
    hasLog: (name) => ask("hasLog", name),
    addSavepoint: (savepoint, cell) => ask("addSavepoint", savepoint, cell),
    removeSavepoint: (savepoint) => ask("removeSavepoint", savepoint),
    cellOfSavepoint: (savepoint) => ask("cellOfSavepoint", savepoint),
    savepoints: () => ask("savepoints"),
  };
}
