// What a task asks of the process or thread that owns the durable logs and, where the store is a file, the database:
// each call goes over a link and is carried out on the other side.

import { MillraceError } from "../base/errors.ts";
import type { LogCommittable, LogFacts, LogPage, LogStore } from "../connectors/log_store.ts";
import type { CommitScope } from "../connectors/sink.ts";
import type { SqlDatabase, SqlRow, SqlStatement, SqlValue } from "../platform/ports.ts";
import type { PlainError } from "./plain_messages.ts";

export type LogCall =
  | { readonly kind: "describe"; readonly name: string }
  | { readonly kind: "read"; readonly name: string; readonly from: number; readonly bytesMax: number }
  | { readonly kind: "wait"; readonly name: string; readonly from: number; readonly timeoutMs: number }
  | { readonly kind: "prepare"; readonly name: string; readonly scope: CommitScope }
  | {
      readonly kind: "commit";
      readonly name: string;
      readonly scope: CommitScope;
      readonly committables: readonly LogCommittable[];
    };

/** 64-bit integers as text, since they must arrive as what they were. */
export type PlainSqlValue = null | string | number | Uint8Array | { readonly integer: string };
export interface PlainStatement {
  readonly sql: string;
  readonly args: readonly PlainSqlValue[];
}

export type SqlCall =
  | { readonly kind: "sql_batch"; readonly statements: readonly PlainStatement[] }
  | { readonly kind: "sql_query"; readonly statement: PlainStatement };

export type RemoteCall = LogCall | SqlCall;
export type RemoteAnswer = LogFacts | LogPage | undefined | readonly (readonly PlainSqlValue[])[];

/** The asking side: which answer belongs to which call. */
export class PendingCalls {
  readonly #send: (id: number, call: RemoteCall) => void;
  readonly #waiting = new Map<number, { resolve(answer: RemoteAnswer): void; reject(error: Error): void }>();
  #lastId = 0;

  constructor(send: (id: number, call: RemoteCall) => void) {
    this.#send = send;
  }

  ask(call: RemoteCall): Promise<RemoteAnswer> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#send(id, call);
    });
  }

  answered(id: number, answer: RemoteAnswer): void {
    this.#waiting.get(id)?.resolve(answer);
    this.#waiting.delete(id);
  }
  failed(id: number, error: PlainError): void {
    this.#waiting.get(id)?.reject(new MillraceError(error));
    this.#waiting.delete(id);
  }
  /** Nobody will answer any more; whether what was asked for has happened is not known. */
  failAll(error: PlainError): void {
    for (const id of [...this.#waiting.keys()]) this.failed(id, error);
  }
}

export class RemoteLogs implements LogStore {
  readonly #calls: PendingCalls;

  constructor(calls: PendingCalls) {
    this.#calls = calls;
  }

  async describe(name: string): Promise<LogFacts | undefined> {
    return (await this.#calls.ask({ kind: "describe", name })) as LogFacts | undefined;
  }
  async read(name: string, from: number, bytesMax: number): Promise<LogPage> {
    return (await this.#calls.ask({ kind: "read", name, from, bytesMax })) as LogPage;
  }
  async waitForMore(name: string, from: number, timeoutMs: number): Promise<void> {
    await this.#calls.ask({ kind: "wait", name, from, timeoutMs });
  }
  async prepareCommits(...[name, scope]: Parameters<LogStore["prepareCommits"]>): Promise<void> {
    await this.#calls.ask({ kind: "prepare", name, scope });
  }
  async commit(...[name, scope, committables]: Parameters<LogStore["commit"]>): Promise<void> {
    await this.#calls.ask({ kind: "commit", name, scope, committables });
  }
}

/** The database of the process at the other end. */
export class RemoteDatabase implements SqlDatabase {
  readonly #calls: PendingCalls;

  constructor(calls: PendingCalls) {
    this.#calls = calls;
  }

  async batch(statements: readonly SqlStatement[]): Promise<void> {
    await this.#calls.ask({ kind: "sql_batch", statements: statements.map(plainStatement) });
  }
  async query(statement: SqlStatement): Promise<readonly SqlRow[]> {
    const rows = await this.#calls.ask({ kind: "sql_query", statement: plainStatement(statement) });
    return (rows as readonly (readonly PlainSqlValue[])[]).map((row) => row.map(sqlValue));
  }
}

const plainValue = (value: SqlValue): PlainSqlValue => (typeof value === "bigint" ? { integer: `${value}` } : value);
const plainStatement = ({ sql, args }: SqlStatement): PlainStatement => ({ sql, args: args.map(plainValue) });
const statementOf = ({ sql, args }: PlainStatement): SqlStatement => ({ sql, args: args.map(sqlValue) });

function sqlValue(value: PlainSqlValue): SqlValue {
  if (value === null || typeof value !== "object") return value;
  return value instanceof Uint8Array ? new Uint8Array(value) : BigInt(value.integer);
}

export interface CallTargets {
  readonly logs: LogStore;
  /** Undefined where the others have a way of their own to the database. */
  readonly database: SqlDatabase | undefined;
}

/** The answering side: carries one call out. */
export async function carryOut({ logs, database }: CallTargets, call: RemoteCall): Promise<RemoteAnswer> {
  switch (call.kind) {
    case "describe":
      return await logs.describe(call.name);
    case "read":
      return await logs.read(call.name, call.from, call.bytesMax);
    case "wait":
      await logs.waitForMore(call.name, call.from, call.timeoutMs);
      return undefined;
    case "prepare":
      await logs.prepareCommits(call.name, call.scope);
      return undefined;
    case "commit":
      await logs.commit(call.name, call.scope, call.committables);
      return undefined;
    case "sql_batch":
      await databaseOf(database).batch(call.statements.map(statementOf));
      return undefined;
    case "sql_query":
      return (await databaseOf(database).query(statementOf(call.statement))).map((row) => row.map(plainValue));
  }
}

function databaseOf(database: SqlDatabase | undefined): SqlDatabase {
  if (database !== undefined) return database;
  throw new MillraceError({
    code: "database_not_shared",
    where: "database",
    message: "this process does not lend its database: every process connects to the shared server by itself",
    fault: "user",
    retry: "none",
  });
}
