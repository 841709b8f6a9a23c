// Promise 1.1: on a fresh machine the two commands of the README work, quickly, and every runtime commits the same.
//
// The full proof clones the commit into an empty directory and runs everything there under `env -i`, with the system's
// own node and npm. The slice runs `npm start` of this checkout on an empty store, under Node alone.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import type { Figure, Proof, ProofOptions } from "../../tools/proof.ts";
import { rootPath } from "../../tools/process.ts";
import type { Program } from "../support/cli.ts";
import { type FlightsRun, runFlights } from "../support/flights_start.ts";

const FIRST_SECONDS_MAX = 90;
const LATER_SECONDS_MAX = 15;

/** What the job commits, whoever runs it; promise 1.2 shows that it is right. */
const ROWS = 409_908;
const LATE_ROWS = 201_933;

/** The machine as it is without this checkout: nothing of node_modules on the path. */
const systemPath = (): string =>
  (process.env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin")
    .split(delimiter)
    .filter((entry) => !entry.includes("node_modules"))
    .join(delimiter);

const emptyEnvironment = (path: string): NodeJS.ProcessEnv => ({ PATH: path, HOME: process.env["HOME"] ?? "/" });

function portIsFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/** Nothing is added to what the README says, unless another program has the port. */
async function portArguments(before: readonly string[]): Promise<readonly string[]> {
  return (await portIsFree(8081)) ? [] : [...before, "--port", "0"];
}

export const prove: Proof = (options) => (options.slice ? slice() : whole(options));

async function slice(): ReturnType<Proof> {
  const store = mkdtempSync(join(tmpdir(), "millrace-start-"));
  try {
    const command = ["npm", "start", "--", "--port", "0", "--directory", store] as const;
    const run = await runFlights({ command, directory: rootPath, environment: emptyEnvironment(systemPath()) }, store);
    const exact = run.rows === ROWS && run.lateRows === LATE_ROWS;
    const pass = exact && run.seconds <= LATER_SECONDS_MAX && run.runtime.startsWith("node ");
    return { pass, figures: figuresOf(run) };
  } finally {
    rmSync(store, { recursive: true, force: true });
  }
}

const figuresOf = (run: FlightsRun): Readonly<Record<string, Figure>> => ({
  seconds: Math.round(run.seconds * 10) / 10,
  runtime: run.runtime,
  rows: run.rows,
  lateRows: run.lateRows,
  table: run.tableHash.slice(0, 16),
  late: run.lateHash.slice(0, 16),
});

async function whole({ log }: ProofOptions): ReturnType<Proof> {
  const place = mkdtempSync(join(tmpdir(), "millrace-clone-"));
  const clone = join(place, "millrace");
  const environment = emptyEnvironment(systemPath());
  const run = (command: string, ...args: readonly string[]): boolean => {
    log(`${command} ${args.join(" ")}`);
    const result = spawnSync(command, args, { cwd: clone, env: environment, encoding: "utf8", maxBuffer: 1 << 28 });
    if (result.status !== 0) log(`${result.stdout.slice(-4000)}\n${result.stderr.slice(-4000)}`);
    return result.status === 0;
  };
  const start = async (program: Omit<Program, "directory" | "environment">, path: string): Promise<FlightsRun> => {
    rmSync(join(clone, ".millrace"), { recursive: true, force: true });
    log(program.command.join(" "));
    const found = await runFlights(
      { ...program, directory: clone, environment: emptyEnvironment(path) },
      join(clone, ".millrace"),
    );
    log(`  ${found.closing}`);
    return found;
  };
  try {
    spawnSync("git", ["clone", "--quiet", "--no-local", rootPath, clone], { stdio: "inherit" });
    const startedMs = performance.now();
    const installed = run("npm", "ci");
    const installSeconds = (performance.now() - startedMs) / 1000;
    if (!installed || !existsSync(join(clone, "node_modules")))
      return { pass: false, figures: { error: "npm ci failed" } };
    const path = systemPath();
    const native = `${join(clone, "node_modules", ".bin")}${delimiter}${path}`;
    const first = await start({ command: ["npm", "start", ...(await portArguments(["--"]))] }, path);
    const runs = [
      await start({ command: ["npm", "start", ...(await portArguments(["--"]))] }, path),
      await start({ command: ["deno", "task", "start", ...(await portArguments([]))] }, native),
      await start({ command: ["bun", "start", ...(await portArguments([]))] }, native),
    ] as const;
    const tests = run("npm", "test");
    const [node, deno, bun] = runs;
    const firstSeconds = installSeconds + first.seconds;
    const same = [first, ...runs].every((one) => one.tableHash === node.tableHash && one.lateHash === node.lateHash);
    const named =
      node.runtime.startsWith("node ") && deno.runtime.startsWith("deno ") && bun.runtime.startsWith("bun ");
    const exact = node.rows === ROWS && node.lateRows === LATE_ROWS;
    const quick = firstSeconds <= FIRST_SECONDS_MAX && node.seconds <= LATER_SECONDS_MAX;
    const figures = {
      installAndFirstSeconds: Math.round(firstSeconds * 10) / 10,
      installSeconds: Math.round(installSeconds * 10) / 10,
      node: figuresOf(node),
      deno: figuresOf(deno),
      bun: figuresOf(bun),
      identical: same,
      testsPassed: tests,
    };
    return { pass: same && named && exact && quick && tests, figures };
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}
