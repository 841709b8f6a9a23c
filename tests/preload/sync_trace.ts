// Runs a program under the preload library of this folder and reads what it found.
// The program is a parameter: whatever prints a line `@ack …` to its standard output, with one write, when it has
// acknowledged something, can be held to syncing first.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

export interface TracedProgram {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Files below it are watched; it must exist. */
  readonly root: string;
  /** Sees the program's output line by line; may end it through the second argument. */
  readonly onLine?: (line: string, kill: () => void) => void;
}

export interface SyncTrace {
  readonly acks: number;
  /** Acknowledgements at which a watched file was written and not yet synced. */
  readonly violations: number;
  readonly syncs: number;
  readonly writes: number;
  readonly firstViolation: string;
  readonly exitCode: number | null;
  readonly output: string;
}

export class SyncTracer {
  readonly #directory = mkdtempSync(join(tmpdir(), "millrace-sync-"));
  /** While this file exists, every write below the watched directory fails as on a full disk. */
  readonly diskFullFile = join(this.#directory, "disk-is-full");
  readonly #library = join(this.#directory, "sync_order.so");
  #runs = 0;

  /** Compiles the library; undefined where there is no C compiler. */
  static create(): SyncTracer | undefined {
    const tracer = new SyncTracer();
    const source = fileURLToPath(new URL("./sync_order.c", import.meta.url));
    const built = spawnSync("gcc", [
      "-shared",
      "-fPIC",
      "-O2",
      "-Wall",
      "-o",
      tracer.#library,
      source,
      "-ldl",
      "-lpthread",
    ]);
    if (built.status === 0) return tracer;
    tracer.remove();
    if (built.error !== undefined) return undefined;
    throw new Error(`the preload library does not compile:\n${built.stderr.toString()}`);
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** For a program that the caller starts itself: its environment, and what it has reported once it has ended. */
  watch(root: string): { readonly env: Readonly<Record<string, string>>; report(): ReturnType<typeof readReport> } {
    const reportFile = join(this.#directory, `report${this.#runs++}`);
    const env = {
      LD_PRELOAD: this.#library,
      MILLRACE_SYNC_ROOT: root,
      MILLRACE_SYNC_REPORT: reportFile,
      MILLRACE_DISK_FULL: this.diskFullFile,
      // libuv's other way to write and sync goes past the C library.
      UV_USE_IO_URING: "0",
    };
    return { env, report: () => readReport(reportFile) };
  }

  async run(program: TracedProgram): Promise<SyncTrace> {
    const { env, report } = this.watch(program.root);
    const child = spawn(program.command, [...program.args], {
      env: { ...process.env, ...program.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    let rest = "";
    child.stdout.on("data", (data: Buffer) => {
      const lines = (rest + data.toString()).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (!line.startsWith("@ack")) output += `${line}\n`;
        program.onLine?.(line, () => child.kill("SIGKILL"));
      }
    });
    child.stderr.on("data", (data: Buffer) => {
      output += data.toString();
    });
    const exitCode = await new Promise<number | null>((resolve) => child.on("close", resolve));
    return { ...report(), exitCode, output };
  }
}

function readReport(file: string): Omit<SyncTrace, "exitCode" | "output"> {
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
  const acks = lines.filter((line) => line.startsWith("ack "));
  const violations = acks.filter((line) => !line.includes(" unsynced=0 "));
  const totals = lines.filter((line) => line.startsWith("totals "));
  const sum = (name: string): number =>
    totals.reduce((total, line) => total + Number(new RegExp(` ${name}=(\\d+)`).exec(line)?.[1] ?? 0), 0);
  return {
    acks: acks.length,
    violations: violations.length,
    syncs: sum("syncs"),
    writes: sum("writes"),
    firstViolation: violations[0] ?? "",
  };
}
