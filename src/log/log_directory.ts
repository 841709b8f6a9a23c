// The logs of one database by name: create, open, delete, expire. One DurableLog object per log and directory, so
// that all appends of a process meet in one queue.

import { hexOf } from "../base/bytes.ts";
import { externalError, userError } from "../base/errors.ts";
import { DurableLog, type LogHandle, type LogOptions } from "./durable_log.ts";
import { LoadedLog, loadLog } from "./loaded_log.ts";
import { packRows } from "./log_row.ts";
import { Draft, LogState } from "./log_state.ts";
import {
  createDirectory,
  deleteLog,
  insertLog,
  insertRow,
  type LogConfig,
  type LogHead,
  queryNames,
} from "./log_tables.ts";
import type { LogPorts } from "./log_writer.ts";
import { mediaTypeOf } from "./media_type.ts";

export interface CreateRequest extends LogConfig {
  /** The first records, stored in the transaction that creates the log. */
  readonly records: readonly Uint8Array[];
  readonly closed: boolean;
}

export type CreateOutcome<Log> =
  | { readonly kind: "created" | "existing"; readonly log: Log }
  /** A log of that name exists and is not what was asked for; `difference` says in what. */
  | { readonly kind: "conflict"; readonly difference: string };

/** What the HTTP routes need; a Worker supplies one whose logs live in Durable Objects. */
export interface LogDirectory {
  create(name: string, request: CreateRequest): Promise<CreateOutcome<LogHandle>>;
  /** Undefined where there is no such log. `touch`: this use prolongs the life of a log with a TTL. */
  open(name: string, touch: boolean): Promise<LogHandle | undefined>;
  /** False where there was no such log. */
  delete(name: string): Promise<boolean>;
}

const NAME = /^[A-Za-z0-9_.-]{1,128}$/;

/** Names are allow-listed: they stand in URLs, metrics and messages. */
export function checkLogName(name: string): void {
  if (NAME.test(name) && name !== "." && name !== "..") return;
  const shown = name.length > 140 ? `${name.slice(0, 140)}...` : name;
  throw userError(
    "log_name_invalid",
    `log ${JSON.stringify(shown)}`,
    "a log's name is 1 to 128 characters out of A-Z, a-z, 0-9, _, . and -",
  );
}

export class SqlLogDirectory implements LogDirectory {
  readonly #ports: LogPorts;
  readonly #options: LogOptions;
  readonly #open: Map<string, DurableLog> = new Map();
  /** Opens and creations under way; a second caller joins the first, so that a log is never open twice. */
  readonly #turns: Map<string, Promise<unknown>> = new Map();
  #ready: Promise<void> | undefined;

  constructor(ports: LogPorts, options: LogOptions = {}) {
    this.#ports = ports;
    this.#options = options;
  }

  async create(name: string, request: CreateRequest): Promise<CreateOutcome<DurableLog>> {
    checkLogName(name);
    return await this.#inTurn(name, async () => {
      const existing = await this.#lookUp(name);
      if (existing !== undefined) return await compare(existing, request);
      const id = hexOf(this.#ports.entropy.bytes(8));
      const created = await this.#insert(name, id, request);
      return created.id === id ? { kind: "created", log: created } : await compare(created, request);
    });
  }

  async open(name: string, touch: boolean): Promise<DurableLog | undefined> {
    checkLogName(name);
    const known = this.#open.get(name);
    const usable = known !== undefined && !known.gone && !known.expired();
    const log = usable ? known : await this.#inTurn(name, () => this.#lookUp(name));
    if (touch) await log?.touch();
    return log;
  }

  async delete(name: string): Promise<boolean> {
    checkLogName(name);
    return await this.#inTurn(name, async () => {
      const log = await this.#lookUp(name);
      if (log === undefined) return false;
      await this.#remove(name, log);
      return true;
    });
  }

  /** Names of all logs, in order; those past their lifetime may still be among them. */
  async names(): Promise<string[]> {
    await this.#prepare();
    return await queryNames(this.#ports.database);
  }

  async #lookUp(name: string): Promise<DurableLog | undefined> {
    await this.#prepare();
    let log = this.#open.get(name);
    if (log === undefined || log.gone) {
      this.#open.delete(name);
      const loaded = await loadLog(this.#ports.database, name);
      if (loaded === undefined) return undefined;
      log = new DurableLog(this.#ports, loaded, this.#options);
      this.#open.set(name, log);
    }
    if (!log.expired()) return log;
    await this.#remove(name, log);
    return undefined;
  }

  async #remove(name: string, log: DurableLog): Promise<void> {
    await this.#ports.database.batch(deleteLog(log.id, name));
    log.dismiss();
    this.#open.delete(name);
  }

  /** The log under that name afterwards: the new one, or the one that another process created at the same time. */
  async #insert(name: string, id: string, request: CreateRequest): Promise<DurableLog> {
    const { database, clock } = this.#ports;
    const draft = new Draft(new LogState());
    const nowMs = clock.nowMs();
    if (request.records.length > 0 || request.closed) {
      draft.decide({ records: request.records, close: request.closed }, nowMs);
    }
    const head: LogHead = {
      name,
      id,
      contentType: request.contentType,
      ttlSeconds: request.ttlSeconds,
      expiresAt: request.expiresAt,
      touchedMs: nowMs,
      snapshotSequence: 0,
      snapshot: new LogState().snapshot(),
    };
    const rows = request.records.length > 0 || request.closed ? packRows(0, request.records) : [];
    const inserts = rows.map((row, index) =>
      insertRow(id, row, index === rows.length - 1 ? draft.changes(id) : JSON.stringify({ writer: id })),
    );
    try {
      await database.batch([...insertLog(head), ...inserts]);
    } catch (error) {
      // Someone else was faster, or the outcome is unknown: what is stored now decides.
      const stored = await this.#lookUp(name);
      if (stored !== undefined) return stored;
      throw externalError("log_store_failed", `log ${name}`, `the log was not created: ${messageOf(error)}`, {
        cause: error,
      });
    }
    const loaded = new LoadedLog(head);
    await loaded.refresh(database);
    const log = new DurableLog(this.#ports, loaded, this.#options);
    this.#open.set(name, log);
    return log;
  }

  #prepare(): Promise<void> {
    this.#ready ??= this.#ports.database.batch([createDirectory()]).catch((error: unknown) => {
      this.#ready = undefined;
      throw externalError("log_store_failed", "logs", `the directory of logs cannot be made: ${messageOf(error)}`, {
        cause: error,
      });
    });
    return this.#ready;
  }

  /** Runs after whatever else is under way for that name. */
  async #inTurn<Result>(name: string, run: () => Promise<Result>): Promise<Result> {
    const before = this.#turns.get(name) ?? Promise.resolve();
    const mine = before.then(run, run);
    this.#turns.set(name, mine);
    try {
      return await mine;
    } finally {
      if (this.#turns.get(name) === mine) this.#turns.delete(name);
    }
  }
}

async function compare(log: DurableLog, request: CreateRequest): Promise<CreateOutcome<DurableLog>> {
  const { config } = log;
  const facts = await log.facts();
  const pairs: readonly (readonly [what: string, found: unknown, asked: unknown])[] = [
    ["content type", mediaTypeOf(config.contentType), mediaTypeOf(request.contentType)],
    ["TTL", config.ttlSeconds, request.ttlSeconds],
    ["expiry", config.expiresAt, request.expiresAt],
    ["closed", facts.closed, request.closed],
  ];
  const different = pairs.find(([, found, asked]) => found !== asked);
  if (different === undefined) return { kind: "existing", log };
  const [what, found, asked] = different;
  return { kind: "conflict", difference: `its ${what} is ${found ?? "none"}, asked for is ${asked ?? "none"}` };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
