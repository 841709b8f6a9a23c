// A Millrace server as its users run it, in a process of its own, on a runtime of choice.

import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { rootPath } from "../../tools/process.ts";
import type { Answer } from "./millrace_worker.ts";

export type LocalRuntime = "node" | "deno" | "bun";

export const runtimeCommands: Readonly<Record<LocalRuntime, readonly string[]>> = {
  node: ["node"],
  deno: ["deno", "run", "-A", "--no-lock"],
  bun: ["bun"],
};

export interface ServerProcess {
  readonly child: ChildProcess;
  call(method: string, path: string, body?: unknown, contentType?: string): Promise<Answer>;
  bytes(method: string, path: string, body?: Uint8Array): Promise<{ status: number; bytes: Uint8Array }>;
  /** Asks it to end, and waits. */
  stop(): Promise<void>;
}

export async function startServer(runtime: LocalRuntime, directory: string): Promise<ServerProcess> {
  const [name, ...args] = runtimeCommands[runtime];
  const script = join(rootPath, "adapters", "local", "cli", "main.ts");
  const command = join(rootPath, "node_modules", ".bin", name as string);
  const child = spawn(command, [...args, script, "dev", "--directory", directory, "--port", "0"], {
    cwd: rootPath,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const { url, token } = await announced(child);
  const send = async (method: string, path: string, contentType: string, body: string | Uint8Array | undefined) => {
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": contentType };
    return await fetch(`${url}${path}`, { method, headers, body: (body ?? null) as never });
  };
  return {
    child,
    call: async (method, path, body, contentType = "application/json") => {
      const response = await send(method, path, contentType, body === undefined ? undefined : JSON.stringify(body));
      return { status: response.status, text: await response.text() };
    },
    bytes: async (method, path, body) => {
      const response = await send(method, path, "application/octet-stream", body);
      return { status: response.status, bytes: new Uint8Array(await response.arrayBuffer()) };
    },
    stop: () =>
      new Promise((resolve) => {
        child.once("exit", () => resolve());
        child.kill("SIGTERM");
      }),
  };
}

/** URL and token as the server prints them. */
function announced(child: ChildProcess): Promise<{ url: string; token: string }> {
  return new Promise((resolve, reject) => {
    let text = "";
    const take = (chunk: unknown): void => {
      text += String(chunk);
      const url = /REST\s+(http:\S+)/.exec(text)?.[1];
      const token = /token\s+(\S+)/.exec(text)?.[1];
      if (url !== undefined && token !== undefined) resolve({ url, token });
    };
    child.stdout?.on("data", take);
    child.stderr?.on("data", take);
    child.once("exit", (code) => reject(new Error(`the server ended with ${code}: ${text.slice(-2000)}`)));
  });
}

interface Caller {
  call(method: string, path: string, body?: unknown): Promise<Answer>;
}

/** The answer's JSON; throws on any other status. */
export async function expectJson<T>(
  server: Caller,
  status: number,
  method: string,
  path: string,
  body?: unknown,
): Promise<T> {
  const answer = await server.call(method, path, body);
  if (answer.status !== status) throw new Error(`${method} ${path}: ${answer.status} ${answer.text.slice(0, 500)}`);
  return JSON.parse(answer.text) as T;
}

/** Polls until `done` says so. */
export async function waitFor<T>(what: string, limitMs: number, poll: () => Promise<T | undefined>): Promise<T> {
  const until = Date.now() + limitMs;
  for (;;) {
    const value = await poll();
    if (value !== undefined) return value;
    if (Date.now() > until) throw new Error(`${what} did not happen within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export const jobEnded = (server: Caller, jobId: string, limitMs: number): Promise<string> =>
  waitFor(`the end of job ${jobId}`, limitMs, async () => {
    const { state } = await expectJson<{ state: string }>(server, 200, "GET", `/v1/jobs/${jobId}`);
    return ["FINISHED", "FAILED", "CANCELED"].includes(state) ? state : undefined;
  });

/** Every row of a table, as lines of JSON, sorted. */
export async function tableLines(server: Caller, table: string): Promise<string[]> {
  const lines: string[] = [];
  for (let offset = 0; ; ) {
    const path = `/v1/tables/${table}/rows?limit=10000&offset=${offset}`;
    const page = await expectJson<{ rows: readonly unknown[] }>(server, 200, "GET", path);
    for (const row of page.rows) lines.push(JSON.stringify(row));
    if (page.rows.length === 0) return lines.sort();
    offset += page.rows.length;
  }
}
