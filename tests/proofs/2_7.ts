// Promise 2.7: a sink that takes a few batches a minute slows its source down and nothing else: memory stays what it
// is, and checkpoints keep completing.

import { spawn } from "node:child_process";
import { median } from "../../bench/median.ts";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { SlowSinkSample } from "../../bench/backpressure/slow_sink_process.ts";
import type { Proof } from "../../tools/proof.ts";

const GROWTH_MAX = 0.1;
const program = fileURLToPath(new URL("../../bench/backpressure/slow_sink_process.ts", import.meta.url));

/** One sample a second. */
async function observe(
  seconds: number,
  batchesPerMinute: number,
  log: (line: string) => void,
): Promise<SlowSinkSample[]> {
  const directory = mkdtempSync(join(tmpdir(), "millrace-2-7-"));
  const child = spawn(process.execPath, ["--expose-gc", program, directory, String(batchesPerMinute)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const samples: SlowSinkSample[] = [];
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const sample = JSON.parse(line) as SlowSinkSample;
      samples.push(sample);
      if (samples.length % 30 === 0) log(line);
      if (sample.second >= seconds) break;
    }
  } finally {
    child.kill("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  }
  return samples;
}

export const prove: Proof = async ({ slice, log }) => {
  const seconds = slice ? 7 : 600;
  const batchesPerMinute = slice ? 600 : 10;
  const samples = await observe(seconds, batchesPerMinute, log);
  const last = samples.at(-1);
  // What the process needs to get going is over after the first minute.
  const part = Math.max(1, Math.floor(samples.length / 10));
  const before = median(samples.slice(part, 2 * part).map((one) => one.residentBytes));
  const after = median(samples.slice(-part).map((one) => one.residentBytes));
  const growth = after / before - 1;
  // The longest time without a checkpoint more. While the sink works off what it has, nothing changes.
  const completedBy = (one: SlowSinkSample): number => one.checkpoints + one.unchangedCheckpoints;
  let pause = 0;
  let since = samples[0];
  for (const one of samples) {
    if (since === undefined || completedBy(one) > completedBy(since)) since = one;
    pause = Math.max(pause, one.second - since.second);
  }
  const completed = last?.checkpoints ?? 0;
  const steady = completed >= (slice ? 2 : 10) && (last?.failedCheckpoints ?? 0) === 0 && pause <= 10;
  const enough = samples.length >= seconds * 0.7 && (last?.rowsCommitted ?? 0) > 0;
  return {
    pass: enough && steady && (slice || growth <= GROWTH_MAX),
    figures: {
      seconds: last?.second ?? 0,
      batchesPerMinute,
      residentMBBefore: Math.round(before / 1e6),
      residentMBAfter: Math.round(after / 1e6),
      growth: Number(growth.toFixed(3)),
      checkpoints: completed,
      unchangedCheckpoints: last?.unchangedCheckpoints ?? 0,
      longestPauseSeconds: pause,
      rowsRead: last?.rowsRead ?? 0,
      rowsCommitted: last?.rowsCommitted ?? 0,
      backpressuredSeconds: Math.round((last?.backpressuredMs ?? 0) / 1000),
    },
  };
};
