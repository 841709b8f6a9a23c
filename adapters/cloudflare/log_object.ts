// One durable log in an object of its own, for HTTP (through the Worker) and for the cells of jobs.

import { DurableObject } from "cloudflare:workers";
import type { LogStore } from "../../src/connectors/log_store.ts";
import type { LogHandle } from "../../src/log/durable_log.ts";
import {
  checkLogName,
  type CreateOutcome,
  type CreateRequest,
  type LogDirectory,
  SqlLogDirectory,
} from "../../src/log/log_directory.ts";
import type { LogConfig } from "../../src/log/log_tables.ts";
import { logStoreOf } from "../../src/log/log_store.ts";
import { remoteDirectory } from "./directory.ts";
import { enclose, type Envelope, unfold } from "./envelope.ts";
import { type Env, type LogCalls, logOf } from "./objects.ts";
import { DurableSql } from "./durable_sql.ts";
import { workerPorts } from "./platform.ts";

/** A log as data: what the Worker needs to answer headers without asking again. */
interface LogSeen {
  readonly id: string;
  readonly config: LogConfig;
}

const handleMethods = ["facts", "submit", "read", "waitForMore"] as const;
const storeMethods = ["describe", "read", "waitForMore", "prepareCommits", "commit"] as const;

const seen = ({ id, config }: LogHandle): LogSeen => ({ id, config: { ...config } });

export class LogObject extends DurableObject<Env> implements LogCalls {
  readonly #directory: SqlLogDirectory;
  readonly #store: LogStore;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#directory = new SqlLogDirectory({ database: new DurableSql(ctx.storage), ...workerPorts });
    this.#store = logStoreOf(this.#directory);
  }

  logs(method: string, args: readonly unknown[]): Promise<Envelope> {
    return enclose("log", () => this.#serve(method, args));
  }

  async #serve(method: string, args: readonly unknown[]): Promise<unknown> {
    const name = args[0] as string;
    if (method === "create") {
      const outcome = await this.#directory.create(name, args[1] as CreateRequest);
      return outcome.kind === "conflict" ? outcome : { kind: outcome.kind, log: seen(outcome.log) };
    }
    if (method === "open") {
      const log = await this.#directory.open(name, args[1] as boolean);
      return log === undefined ? null : seen(log);
    }
    if (method === "delete") return await this.#directory.delete(name);
    const known = handleMethods.find((one) => one === method);
    const log = await this.#directory.open(name, false);
    if (known === undefined || log === undefined) throw new Error(`no ${method} of log ${name}`);
    return await (log[known] as (...given: unknown[]) => Promise<unknown>).apply(log, args.slice(1));
  }

  store(method: string, args: readonly unknown[]): Promise<Envelope> {
    return enclose("log", async () => {
      const known = storeMethods.find((one) => one === method);
      if (known === undefined) throw new Error(`a log knows no ${method}`);
      return await (this.#store[known] as (...given: unknown[]) => Promise<unknown>)(...args);
    });
  }
}

/** Logs that this isolate has seen to exist: only the first use of one asks the directory. */
const seenLogs = new WeakMap<Env, Set<string>>();

function knownLogs(env: Env): Set<string> {
  let names = seenLogs.get(env);
  if (names === undefined) {
    names = new Set();
    seenLogs.set(env, names);
  }
  return names;
}

/** An object that was never created must not be touched: touching it would make it exist. */
async function exists(env: Env, name: string): Promise<boolean> {
  const known = knownLogs(env);
  if (known.has(name)) return true;
  const found = await remoteDirectory(env).hasLog(name);
  if (found) known.add(name);
  return found;
}

/** Before the object is touched for the first time. */
async function list(env: Env, name: string): Promise<void> {
  if (knownLogs(env).has(name)) return;
  await remoteDirectory(env).addLog(name);
  knownLogs(env).add(name);
}

/** The logs as the Worker's routes see them. */
export function remoteLogs(env: Env): LogDirectory {
  const call = <T>(name: string, method: string, ...args: unknown[]): Promise<T> =>
    unfold<T>(`log ${name}`, () => logOf(env, name).logs(method, [name, ...args]));
  const handle = (name: string, { id, config }: LogSeen): LogHandle => ({
    id,
    config,
    facts: () => call(name, "facts"),
    submit: (request) => call(name, "submit", request),
    read: (from, bytesMax) => call(name, "read", from, bytesMax),
    // A signal cannot cross; the wait ends by its own timeout.
    waitForMore: (from, timeoutMs) => call(name, "waitForMore", from, timeoutMs),
  });
  return {
    create: async (name, request) => {
      checkLogName(name);
      await list(env, name);
      const outcome = await call<CreateOutcome<LogSeen>>(name, "create", request);
      return outcome.kind === "conflict" ? outcome : { kind: outcome.kind, log: handle(name, outcome.log) };
    },
    open: async (name, touch) => {
      if (!(await exists(env, name))) return undefined;
      const log = await call<LogSeen | null>(name, "open", touch);
      return log === null ? undefined : handle(name, log);
    },
    delete: async (name) => {
      if (!(await exists(env, name))) return false;
      const deleted = await call<boolean>(name, "delete");
      knownLogs(env).delete(name);
      await remoteDirectory(env).removeLog(name);
      return deleted;
    },
  };
}

/** The logs as a job's connectors see them. */
export function remoteLogStore(env: Env): LogStore {
  const call = <T>(name: string, method: (typeof storeMethods)[number], ...args: unknown[]): Promise<T> =>
    unfold<T>(`log ${name}`, () => logOf(env, name).store(method, [name, ...args]));
  return {
    describe: async (name) => ((await exists(env, name)) ? await call(name, "describe") : undefined),
    read: (name, from, bytesMax) => call(name, "read", from, bytesMax),
    waitForMore: (name, from, timeoutMs) => call(name, "waitForMore", from, timeoutMs),
    prepareCommits: async (name, scope) => {
      checkLogName(name);
      await list(env, name);
      await call(name, "prepareCommits", scope);
    },
    // A call has a limit of size, and what a restart commits at once, or a window emits, may be far above it.
    commit: async (name, scope, committables) => {
      for (const one of committables) await call(name, "commit", scope, [one]);
    },
  };
}
