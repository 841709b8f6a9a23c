// What each fault on the way to a libSQL server is called, in the process that executes this file: Node, Deno or Bun,
// whose sockets say it in words of their own.
//   node|deno run -A|bun tests/integration/fault_codes_main.ts DIRECTORY
// Prints one JSON object: by fault, the code of a change, that of a question, and the count of rows afterwards.

import process from "node:process";
import { silentLog } from "../../adapters/local/log_sink.ts";
import { LibsqlServerDatabase } from "../../adapters/local/libsql_server.ts";
import { FaultProxy } from "../support/fault_proxy.ts";
import { freePort, startSqld } from "../support/sqld.ts";

const server = await startSqld({ directory: process.argv[2] ?? "" });
const proxy = await FaultProxy.start(server.port);
const open = (url: string): Promise<LibsqlServerDatabase> =>
  LibsqlServerDatabase.open({ url, retryForMs: 0, timeoutMs: 500, log: silentLog });
const codeOf = (run: Promise<unknown>): Promise<string> =>
  run.then(
    () => "done",
    (error: unknown) => String((error as { code?: unknown }).code),
  );

const found: Record<string, readonly [change: string, question: string, rows: unknown]> = {};
const direct = await open(server.url);
const database = await open(proxy.url);
await direct.batch([{ sql: "CREATE TABLE t (a TEXT PRIMARY KEY, b BLOB)", args: [] }]);
for (const mode of ["drop_answers", "cut_requests", "swallow", "refuse"] as const) {
  const broken = new Promise((resolve) => setTimeout(resolve, 100));
  await proxy.mode(mode);
  if (mode === "refuse") await broken;
  const insert = { sql: "INSERT INTO t VALUES (?, ?)", args: [mode, new Uint8Array(5_000)] };
  const change = await codeOf(database.batch([insert]));
  const question = await codeOf(database.query({ sql: "SELECT 1", args: [] }));
  await proxy.mode("pass");
  proxy.cut();
  await new Promise((resolve) => setTimeout(resolve, 100));
  const rows = await direct.query({ sql: "SELECT count(*) FROM t WHERE a = ?", args: [mode] });
  found[mode] = [change, question, rows[0]?.[0]];
}
found["heals"] = [await codeOf(database.batch([{ sql: "DELETE FROM t", args: [] }])), "", 0];
found["nobody"] = [await codeOf(open(`http://127.0.0.1:${await freePort()}`)), "", 0];
for (const one of [database, direct, proxy]) await one.close();
await server.kill();
console.log(JSON.stringify(found));
process.exit(0);
