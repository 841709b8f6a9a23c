// Writes blobs to a directory that other processes use, too, until it is killed.
//   node tests/support/blob_child.ts DIRECTORY LABEL FIRST_NUMBER
// It prints `mine N` or `other N` for each name `shared/N` once its put is answered.

import process from "node:process";
import { pathToFileURL } from "node:url";
import { openBlobs } from "../../adapters/local/blobs/open_blobs.ts";

const [directory = "", label = "", first = "0"] = process.argv.slice(2);
const blobs = await openBlobs({ url: pathToFileURL(directory).href });
for (let number = Number(first); ; number++) {
  const bytes = new Uint8Array(20_000 + (number % 7) * 30_000).fill(label.charCodeAt(0));
  try {
    await blobs.put(`shared/${number}`, bytes);
    process.stdout.write(`mine ${number}\n`);
  } catch (error) {
    if ((error as { code?: unknown }).code !== "blob_exists") throw error;
    process.stdout.write(`other ${number}\n`);
  }
}
