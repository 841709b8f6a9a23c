// A disk that becomes full while a process writes to every durable port, and is freed again: the process must name the
// file and the reason, everything acknowledged must be there after a restart, and the restart must work on.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { SyncTracer } from "./sync_trace.ts";

export interface FullDiskFinding {
  readonly pass: boolean;
  /** The error line, its directory replaced by `<dir>`, so that texts can be compared. */
  readonly error: string;
  readonly acknowledged: Readonly<Record<string, number>>;
  readonly found: Readonly<Record<string, number>>;
  readonly restarted: boolean;
}

/** @param fullAfter the acknowledgement after which the disk is full: `file 3`, `metadata 5`. */
export async function fillDisk(fullAfter: string): Promise<FullDiskFinding | undefined> {
  const tracer = SyncTracer.create();
  if (tracer === undefined) return undefined;
  const directory = mkdtempSync(join(tmpdir(), "millrace-full-"));
  const root = join(directory, "work");
  mkdirSync(root);
  const program = fileURLToPath(new URL("./store_writer.ts", import.meta.url));
  const acknowledged: Record<string, number> = {};
  const found: Record<string, number> = {};
  const run = (rounds: number, onAck: (what: string) => void): ReturnType<SyncTracer["run"]> =>
    tracer.run({
      command: process.execPath,
      args: [program, root, String(rounds), "full"],
      root,
      onLine: (line) => {
        const [kind, what = "", n = ""] = line.split(" ");
        if (kind === "@ack") onAck(`${what} ${n}`);
        if (kind === "@found") found[what] = Number(n);
      },
    });
  try {
    const full = await run(1_000_000, (ack) => {
      const [what = "", n = ""] = ack.split(" ");
      acknowledged[what] = Number(n);
      if (ack === fullAfter) writeFileSync(tracer.diskFullFile, "");
    });
    rmSync(tracer.diskFullFile);
    const again = await run(3, () => undefined);
    const error = (/@error .*/.exec(full.output)?.[0] ?? "").replaceAll(root, "<dir>");
    const kept = Object.entries(acknowledged).every(([what, n]) => what === "table" || (found[what] ?? 0) >= n);
    const restarted = again.exitCode === 0;
    const named = /^@error (store_full|disk_full) <dir>/.test(error);
    return { pass: full.exitCode === 3 && named && kept && restarted, error, acknowledged, found, restarted };
  } finally {
    tracer.remove();
    rmSync(directory, { recursive: true, force: true });
  }
}
