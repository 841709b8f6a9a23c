// Writes to every durable port and prints `@ack <what> <n>` after each acknowledgement, one operation at a time.
//   node tests/preload/store_writer.ts <directory> <rounds> <full|normal>

import { writeSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { silentLog } from "../../adapters/local/log_sink.ts";
import { openLocalPlatform } from "../../adapters/local/platform.ts";
import { utf8 } from "../../src/base/bytes.ts";

const [directory = "", rounds = "1", synchronous = "full"] = process.argv.slice(2);

const platform = await openLocalPlatform({
  directory: join(directory, "store"),
  fileRoots: [directory],
  log: silentLog,
  console: { print: () => undefined },
  synchronous: synchronous === "normal" ? "normal" : "full",
});
const acknowledged = (what: string, n: number): number => writeSync(1, `@ack ${what} ${n}\n`);

await platform.tables.batch([{ sql: "CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT)", args: [] }]);
acknowledged("table", 0);
for (let n = 1; n <= Number(rounds); n++) {
  await platform.metadata.commit(
    [{ kind: "absent", key: `k${n}` }],
    [{ kind: "put", key: `k${n}`, value: utf8(`v${n}`) }],
  );
  acknowledged("metadata", n);
  await platform.blobs.put(`b${n}`, new Uint8Array(n % 10 === 0 ? 2_500_000 : 5000).fill(n));
  acknowledged("blob", n);
  await platform.tables.batch([{ sql: "INSERT INTO t VALUES (?, ?)", args: [n, "x".repeat(n % 500)] }]);
  acknowledged("row", n);
  await platform.files?.writeAtomically(join(directory, `out/${n % 7}/${n}`), utf8(`file ${n}`));
  acknowledged("file", n);
}
await platform.close();
process.exit(0);
