// Promise 1.4: a sync precedes every acknowledgement. A library loaded into the process watches its writes and syncs:
// when a metadata commit, a blob, a row or a file is acknowledged, no file that was written may be unsynced.
// The control shows that the proof can fail: with `synchronous=NORMAL` it must find violations.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type SyncTrace, SyncTracer } from "../preload/sync_trace.ts";

const ACKS_PER_ROUND = 4;

export async function prove(options: {
  readonly slice: boolean;
}): Promise<{ pass: boolean; figures: Record<string, number | string> }> {
  const tracer = SyncTracer.create();
  if (tracer === undefined) return { pass: false, figures: { error: "this proof needs gcc" } };
  const directory = mkdtempSync(join(tmpdir(), "millrace-proof-"));
  const rounds = options.slice ? 40 : 1000;
  const run = (synchronous: "full" | "normal"): Promise<SyncTrace> => {
    const root = join(directory, synchronous);
    mkdirSync(root);
    const program = fileURLToPath(new URL("../preload/store_writer.ts", import.meta.url));
    return tracer.run({ command: process.execPath, args: [program, root, String(rounds), synchronous], root });
  };
  try {
    const full = await run("full");
    const control = await run("normal");
    const acks = rounds * ACKS_PER_ROUND + 1;
    const complete = full.exitCode === 0 && full.acks === acks && control.exitCode === 0 && control.acks === acks;
    return {
      pass: complete && full.violations === 0 && full.syncs >= acks && control.violations > 0,
      figures: {
        acks: full.acks,
        acksWanted: acks,
        syncs: full.syncs,
        writes: full.writes,
        violations: full.violations,
        firstViolation: full.firstViolation,
        controlViolations: control.violations,
        controlSyncs: control.syncs,
        ...(complete ? {} : { output: (full.output + control.output).slice(0, 500) }),
      },
    };
  } finally {
    tracer.remove();
    rmSync(directory, { recursive: true, force: true });
  }
}
