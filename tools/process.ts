// Starting other programs of this checkout: where they are, and what they may inherit.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { delimiter, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

export const rootPath = fileURLToPath(new URL("..", import.meta.url));
const binaries = join(rootPath, "node_modules", ".bin");

/** The pinned programs come first, whatever the caller's PATH holds. */
export const environment: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: `${binaries}${delimiter}${process.env.PATH ?? "/usr/local/bin:/usr/bin:/bin"}`,
  // Nothing that is started here may call home or wait for the network.
  WRANGLER_SEND_METRICS: "false",
  DENO_NO_UPDATE_CHECK: "1",
  DO_NOT_TRACK: "1",
  NO_COLOR: "1",
};

export const start = (command: string, args: readonly string[]): ChildProcess =>
  spawn(command, args, { cwd: rootPath, env: environment, stdio: ["ignore", "pipe", "pipe"], detached: true });

/** Runs a program to its end with its output shown; true where it succeeded. */
export function succeeds(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { cwd: rootPath, env: environment, stdio: "inherit" }).status === 0;
}

/** The same, but what it has to say is shown only where it failed. */
export function succeedsQuietly(command: string, args: readonly string[]): boolean {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: rootPath, env: environment, encoding: "utf8" });
  if (status !== 0) process.stderr.write(`${stdout}${stderr}`);
  return status === 0;
}

/** Kills the program and whatever it has started in turn. */
export function killTree(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
