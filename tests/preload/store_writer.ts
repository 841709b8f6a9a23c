// Writes to every durable port and prints `@ack <what> <n>` after each acknowledgement, one operation at a time.
//   node tests/preload/store_writer.ts <directory> <rounds> <full|normal>
// At the first error it prints `@error <code> <where> <message>` and ends with 3. Started again on the same directory,
// it first reads back what was acknowledged before (`@found <what> <n>`) and goes on after it.

import { writeSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { silentLog } from "../../adapters/local/log_sink.ts";
import { openLocalPlatform } from "../../adapters/local/platform.ts";
import { utf8 } from "../../src/base/bytes.ts";
import { asMillraceError } from "../../src/base/errors.ts";

const [directory = "", rounds = "1", synchronous = "full"] = process.argv.slice(2);

const platform = await openLocalPlatform({
  directory: join(directory, "store"),
  fileRoots: [directory],
  log: silentLog,
  console: { print: () => undefined },
  synchronous: synchronous === "normal" ? "normal" : "full",
});
const say = (line: string): number => writeSync(1, `${line}\n`);

/** The last round whose `what` is there; rounds are written one after the other. */
async function found(what: string, has: (n: number) => Promise<boolean>): Promise<number> {
  let n = 0;
  while (await has(n + 1)) n++;
  say(`@found ${what} ${n}`);
  return n;
}

const fileOf = (n: number): string => join(directory, `out/${n % 7}/${n}`);

async function hasFile(n: number): Promise<boolean> {
  const none: readonly string[] = [];
  const names = await platform.files?.list(join(directory, `out/${n % 7}`)).catch(() => none);
  return names?.includes(String(n)) === true;
}

async function round(n: number): Promise<void> {
  const put = { kind: "put", key: `k${n}`, value: utf8(`v${n}`) } as const;
  await platform.metadata.commit([{ kind: "absent", key: `k${n}` }], [put]);
  say(`@ack metadata ${n}`);
  await platform.blobs.put(`b${n}`, new Uint8Array(n % 10 === 0 ? 2_500_000 : 5000).fill(n));
  say(`@ack blob ${n}`);
  await platform.tables.batch([{ sql: "INSERT OR REPLACE INTO t VALUES (?, ?)", args: [n, "x".repeat(n % 500)] }]);
  say(`@ack row ${n}`);
  await platform.files?.writeAtomically(fileOf(n), utf8(`file ${n}`));
  say(`@ack file ${n}`);
}

try {
  await platform.tables.batch([{ sql: "CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, text TEXT)", args: [] }]);
  say("@ack table 0");
  const first = await found("metadata", async (n) => (await platform.metadata.get(`k${n}`)) !== undefined);
  await found("blob", async (n) => (await platform.blobs.get(`b${n}`)) !== undefined);
  await found("row", async (n) => {
    const rows = await platform.tables.query({ sql: "SELECT 1 FROM t WHERE n = ?", args: [n] });
    return rows.length === 1;
  });
  await found("file", hasFile);
  for (let n = first + 1; n <= first + Number(rounds); n++) await round(n);
} catch (thrown) {
  const error = asMillraceError(thrown, "store writer");
  say(`@error ${error.code} ${error.where} ${error.message}`);
  process.exit(3);
}
await platform.close();
process.exit(0);
