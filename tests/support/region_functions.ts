// Process functions of two regions of one job. Each notes the threads that it runs in; one kills its thread, once.
// Where notes are kept is told by the environment, which threads share with their process.

import { appendFileSync, closeSync, openSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { defineProcessFunction } from "../../src/job/define_process.ts";

const row = { name: "utf8", amount: "i64" } as const;
/** The row whose thread dies. */
export const DEADLY = 1_000;
const directory = process.env["MILLRACE_REGION_NOTES"] ?? ".";
/** Of this thread. */
const rows = { steady: 0, struck: 0 };

function note(region: keyof typeof rows): void {
  if (++rows[region] === 1) appendFileSync(join(directory, `${region}.threads`), "one\n");
}

function strikeOnce(): void {
  try {
    closeSync(openSync(join(directory, "killed"), "wx"));
  } catch {
    return; // the row is read again after the restart
  }
  process.exit(7);
}

export const steady = defineProcessFunction({
  name: "steady",
  input: row,
  output: row,
  process(row, context) {
    note("steady");
    context.emit({ name: row.name, amount: row.amount });
  },
});

export const struck = defineProcessFunction({
  name: "struck",
  input: row,
  output: row,
  process(row, context) {
    note("struck");
    if (row.amount === BigInt(DEADLY)) strikeOnce();
    context.emit({ name: row.name, amount: row.amount });
  },
});
