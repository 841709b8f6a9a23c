// Writes blobs into a directory and prints `@ack blob <n>` after each acknowledgement.
//   node tests/preload/blob_writer.ts <directory> <count>

import { writeSync } from "node:fs";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { openBlobs } from "../../adapters/local/blobs/open_blobs.ts";

const [directory = "", count = "1"] = process.argv.slice(2);
const blobs = await openBlobs({ url: pathToFileURL(directory).href });
for (let n = 0; n < Number(count); n++) {
  await blobs.put(`job/${n % 3}/part/${n}`, new Uint8Array(1000 * n).fill(n));
  writeSync(1, `@ack blob ${n}\n`);
}
