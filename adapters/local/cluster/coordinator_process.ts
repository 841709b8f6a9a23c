// A coordinator in a process of its own: it competes for the lease, and serves REST; where it does not lead it passes
// requests on to the one that does.

import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { engineGateway } from "../../../src/api/engine_gateway.ts";
import type { JobGateway } from "../../../src/api/gateway.ts";
import { Coordinator, notLeading } from "../../../src/cluster/coordinator.ts";
import { type ClusterTimes, clusterTimes } from "../../../src/cluster/times.ts";
import { type LogDirectory, SqlLogDirectory } from "../../../src/log/log_directory.ts";
import { logStoreOf } from "../../../src/log/log_store.ts";
import { defaultTaskOptions } from "../../../src/task/task.ts";
import { localConnectors } from "../connectors.ts";
import type { DeploymentOptions } from "../deployment.ts";
import { loadFunctions } from "../functions.ts";
import { openLog, terminal } from "../log_sink.ts";
import { type LocalPlatform, openLocalPlatform } from "../platform.ts";
import { savepointPolicy } from "../savepoint_policy.ts";
import { type Server, type ServerOptions, startServer } from "../server.ts";
import { restToken } from "./secret.ts";
import { WebSocketNetwork } from "./web_socket_network.ts";

export interface CoordinatorProcessOptions extends Omit<DeploymentOptions, "functions"> {
  readonly functions: readonly string[];
  readonly secret: string;
  readonly ttlMs: number;
  /** Where workers connect. */
  readonly clusterHost: string;
  readonly clusterPort: number;
  readonly advertised?: string;
  readonly rest: Pick<ServerOptions, "host" | "port" | "allowedHosts" | "allowedOrigins">;
  readonly times?: Partial<ClusterTimes>;
  /** Jobs follow the slots that there are, once these have stood for so long. */
  readonly rescaleAfterMs?: number;
  readonly onLead?: (epoch: number) => void;
  readonly onLose?: (epoch: number, reason: string) => void;
}

export interface CoordinatorProcess {
  readonly server: Server;
  /** Where workers reach it. */
  readonly address: string;
  readonly coordinator: Coordinator;
  /** Undefined: it answers requests, or passes them on to a leader that does; else why it does not. */
  notReady(): Promise<string | undefined>;
  close(): Promise<void>;
}

export async function openCoordinator(options: CoordinatorProcessOptions): Promise<CoordinatorProcess> {
  const directory = resolve(options.directory);
  const { secret, ttlMs, clusterHost: host, clusterPort: port, advertised, rest } = options;
  const times = clusterTimes(options.times);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const functions = await loadFunctions(options.functions);
  const savepoints = await savepointPolicy(options);
  const log = openLog({
    file: options.logToTerminal === true ? undefined : join(directory, "millrace.log"),
    level: options.logLevel ?? "info",
  });
  const platform = await openLocalPlatform({ ...options, directory, log, console: options.console ?? terminal });
  const logs = new LeadingLogs(platform);
  const network = new WebSocketNetwork({
    ...{ secret, log, host, port },
    ...(advertised === undefined ? {} : { advertised }),
  });
  const shared = options.store !== undefined;
  let jobs: JobGateway | undefined;
  const server = await startServer(
    {
      directory,
      ...{ platform, functions, logs },
      jobs: gatewayTo(() => jobs),
    },
    {
      ...rest,
      ...(shared ? { token: restToken(secret) } : {}),
      elsewhere: (request) => elsewhere(coordinator, server.url, request),
    },
  );
  const coordinator: Coordinator = new Coordinator({
    ...{ platform, leases: platform.leases(ttlMs), ttlMs, network, functions, savepoints },
    times,
    task: { ...defaultTaskOptions, ...options.task },
    rest: advertised === undefined ? server.url : `http://${advertised}:${server.port}`,
    ...(options.rescaleAfterMs === undefined ? {} : { rescaleAfterMs: options.rescaleAfterMs }),
    openGround: () => {
      const store = logStoreOf(logs.reopen());
      return {
        connectors: localConnectors({ platform, logs: store }),
        targets: { logs: store, database: shared ? undefined : platform.database },
      };
    },
    onLead: (now) => {
      jobs = engineGateway(now.engine);
      options.onLead?.(now.epoch);
    },
    onLose: (epoch, reason) => {
      jobs = undefined;
      options.onLose?.(epoch, reason);
    },
  });
  await coordinator.start();
  const close = async (): Promise<void> => {
    await coordinator.stop();
    await server.close();
    await platform.close();
    log.close();
  };
  const notReady = (): Promise<string | undefined> => whyNotReady(coordinator, server.url);
  return { server, address: coordinator.address, coordinator, notReady, close };
}

const ANSWER_MS = 1_000;

async function whyNotReady(coordinator: Coordinator, own: string): Promise<string | undefined> {
  if (coordinator.leading !== undefined) return undefined;
  const leader = await coordinator.leader();
  if (leader === undefined || leader.rest === "" || leader.rest === own) return "nobody leads";
  const answer = await fetch(`${leader.rest}/v1/health`, { signal: AbortSignal.timeout(ANSWER_MS) }).catch(() => null);
  await answer?.body?.cancel();
  return answer?.ok === true ? undefined : `the leader does not answer at ${leader.rest}`;
}

/** A leader before may have appended to logs that this process knows; so each lead looks anew. */
class LeadingLogs implements LogDirectory {
  readonly #platform: LocalPlatform;
  #current: SqlLogDirectory;

  constructor(platform: LocalPlatform) {
    this.#platform = platform;
    this.#current = this.reopen();
  }

  reopen(): SqlLogDirectory {
    const { database, clock, timers, entropy } = this.#platform;
    this.#current = new SqlLogDirectory({ database, clock, timers, yield: this.#platform.yield, entropy });
    return this.#current;
  }
  create(...args: Parameters<LogDirectory["create"]>): ReturnType<LogDirectory["create"]> {
    return this.#current.create(...args);
  }
  open(...args: Parameters<LogDirectory["open"]>): ReturnType<LogDirectory["open"]> {
    return this.#current.open(...args);
  }
  delete(name: string): Promise<boolean> {
    return this.#current.delete(name);
  }
}

/** Calls go to the gateway of the moment; where there is none they fail with `not_leading`. */
const gatewayTo = (current: () => JobGateway | undefined): JobGateway =>
  new Proxy({} as JobGateway, {
    get:
      (_none, name) =>
      (...args: readonly unknown[]) => {
        const gateway = current();
        if (gateway === undefined) return Promise.reject(notLeading());
        const call = Reflect.get(gateway, name) as (...args: readonly unknown[]) => unknown;
        return call.apply(gateway, [...args]);
      },
  });

const HOP_HEADERS = ["connection", "content-length", "host", "keep-alive", "transfer-encoding", "content-encoding"];

/** The leader's answer, where that is another process; undefined: this one answers. */
async function elsewhere(
  coordinator: Coordinator | undefined,
  own: string,
  request: Request,
): Promise<Response | undefined> {
  const url = new URL(request.url);
  if (coordinator?.leading !== undefined || url.pathname.endsWith("/health")) return undefined;
  const leader = await coordinator?.leader().catch(() => undefined);
  if (leader === undefined || leader.rest === "" || leader.rest === own) return undefined;
  const headers = new Headers(request.headers);
  for (const name of [...HOP_HEADERS, "origin"]) headers.delete(name);
  const body = request.method === "GET" || request.method === "HEAD" ? null : await request.arrayBuffer();
  try {
    const answer = await fetch(`${leader.rest}${url.pathname}${url.search}`, {
      method: request.method,
      headers,
      redirect: "manual",
      ...(body === null ? {} : { body }),
    });
    const passed = new Headers(answer.headers);
    for (const name of HOP_HEADERS) passed.delete(name);
    return new Response(answer.body, { status: answer.status, headers: passed });
  } catch {
    return undefined; // The leader is gone and the next one not yet there: this process says so.
  }
}
