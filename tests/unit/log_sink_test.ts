// Logs: one JSON object a line, with the fields as they were given, in the file that was named.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openLog } from "../../adapters/local/log_sink.ts";
import { MillraceError } from "../../src/base/errors.ts";

const directory = mkdtempSync(join(tmpdir(), "millrace-log-"));
after(() => rmSync(directory, { recursive: true, force: true }));

test("each call is one line of JSON, below the level none, and braces are text", () => {
  const file = join(directory, "log.ndjson");
  const log = openLog({ file, level: "info" });
  log.write("debug", "not shown", {});
  log.write("info", 'job {name} says "hi"\nand more', { job: "j1", checkpoint: 7, large: 2n ** 60n });
  log.write("error", "failed", { code: "store_full" });
  log.close();
  const lines = readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.equal(lines.length, 2);
  assert.equal(lines[0]?.["message"], 'job {name} says "hi"\nand more');
  assert.deepEqual([lines[0]?.["level"], lines[0]?.["job"], lines[0]?.["checkpoint"]], ["INFO", "j1", 7]);
  assert.equal(lines[0]?.["large"], "1152921504606846976");
  assert.deepEqual([lines[1]?.["level"], lines[1]?.["code"]], ["ERROR", "store_full"]);
});

test("a log file that cannot be opened is named", () => {
  const file = join(directory, "no/such/directory/log");
  assert.throws(
    () => openLog({ file, level: "info" }),
    (error: unknown) => error instanceof MillraceError && error.code === "log_unavailable" && error.where === file,
  );
});
