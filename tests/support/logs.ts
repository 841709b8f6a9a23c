// Logs for tests: a directory over the platform's own database, and what is read from a log as texts.

import { textOf, utf8 } from "../../src/base/bytes.ts";
import { recordsOf } from "../../src/connectors/log_store.ts";
import type { DurableLog, LogOptions } from "../../src/log/durable_log.ts";
import { SqlLogDirectory } from "../../src/log/log_directory.ts";
import type { LogPorts } from "../../src/log/log_writer.ts";
import type { Platform } from "../../src/platform/platform.ts";
import { equal, ok } from "../expect.ts";

export const portsOf = (platform: Platform): LogPorts => ({
  database: platform.tables,
  clock: platform.clock,
  timers: platform.timers,
  yield: platform.yield,
  entropy: platform.entropy,
});

/** A new directory over the same database is what a restarted process has. */
export const openLogs = (ports: LogPorts, options: LogOptions = {}): SqlLogDirectory =>
  new SqlLogDirectory(ports, options);

export async function createLog(
  logs: SqlLogDirectory,
  name: string,
  contentType = "application/json",
): Promise<DurableLog> {
  const request = { contentType, ttlSeconds: undefined, expiresAt: undefined, records: [], closed: false };
  const outcome = await logs.create(name, request);
  ok(outcome.kind !== "conflict", `log ${name} can be created`);
  return outcome.log;
}

export async function reopen(ports: LogPorts, name: string): Promise<DurableLog> {
  const log = await openLogs(ports).open(name, false);
  ok(log !== undefined, `log ${name} exists`);
  return log;
}

export const texts = (...records: string[]): Uint8Array[] => records.map(utf8);

/** Everything from `from` to the end, page by page. */
export async function readTexts(log: DurableLog, from = 0, bytesMax = 1 << 20): Promise<string[]> {
  const found: string[] = [];
  for (let next = from; ; ) {
    const page = await log.read(next, bytesMax);
    const records = recordsOf(page);
    equal(page.from, next, "a page starts where it was asked to");
    equal(page.next, next + records.length, "sequences of a page have no gap");
    ok(records.length > 0 || page.upToDate, "a page that is not the last has a record");
    for (const record of records) found.push(textOf(record));
    next = page.next;
    if (page.upToDate) return found;
  }
}
