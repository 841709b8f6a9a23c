// Process functions of two regions of one job. Each notes the threads that it runs in; one kills its thread, once.
// Where notes are kept is told by the environment, which threads share with their process; a file there says when to die.

import { appendFileSync, closeSync, existsSync, openSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { defineProcessFunction } from "../../src/job/define_process.ts";

const input = { at: "timestamp", name: "utf8?", flag: "bool", amount: "i64" } as const;
const output = { name: "utf8?", amount: "i64" } as const;
const directory = process.env["MILLRACE_REGION_NOTES"] ?? ".";
/** Of this thread. */
const rows = { steady: 0, struck: 0 };

function note(region: keyof typeof rows): void {
  if (++rows[region] === 1) appendFileSync(join(directory, `${region}.threads`), "one\n");
}

/** By whichever thread comes first. */
function strikeOnce(): void {
  try {
    closeSync(openSync(join(directory, "killed"), "wx"));
  } catch {
    return; // it has struck before, in this thread or in another
  }
  process.exit(7);
}

export const steady = defineProcessFunction({
  name: "steady",
  input,
  output,
  process(row, context) {
    note("steady");
    context.emit({ name: row.name, amount: row.amount });
  },
});

export const struck = defineProcessFunction({
  name: "struck",
  input,
  output,
  process(row, context) {
    note("struck");
    if (rows.struck % 20 === 0 && existsSync(join(directory, "strike"))) strikeOnce();
    context.emit({ name: row.name, amount: row.amount });
  },
});
