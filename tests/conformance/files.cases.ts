// Files: written whole or not at all, and nothing outside the allowed roots. Relative paths stand below the first root.
// On platforms without a file system (`files` is undefined, Durable Objects) there is nothing to hold to.

import { utf8 } from "../../src/base/bytes.ts";
import type { Files } from "../../src/platform/ports.ts";
import { type Case, test } from "../case.ts";
import { equal, rejects } from "../expect.ts";

const filesCase = (name: string, run: (files: Files) => Promise<void>): Case =>
  test(`files: ${name}`, async (context) => {
    const { files } = await context.freshPlatform();
    if (files === undefined) equal(context.runtime, "workerd", "only Durable Objects are without files");
    else await run(files);
  });

async function read(files: Files, path: string): Promise<Uint8Array> {
  const handle = await files.open(path);
  try {
    const bytes = new Uint8Array(handle.sizeBytes);
    equal(await handle.read(0, bytes), handle.sizeBytes);
    return bytes;
  } finally {
    await handle.close();
  }
}

export const cases: readonly Case[] = [
  filesCase("what was written is read back, in new directories too, and replaced whole", async (files) => {
    await files.writeAtomically("out/deep/er/a.ndjson", utf8("one\n"));
    equal(await read(files, "out/deep/er/a.ndjson"), utf8("one\n"));
    await files.writeAtomically("out/deep/er/a.ndjson", utf8("two, longer\n"));
    equal(await read(files, "out/deep/er/a.ndjson"), utf8("two, longer\n"));
    await files.writeAtomically("out/empty", new Uint8Array(0));
    equal(await read(files, "out/empty"), new Uint8Array(0));
  }),

  filesCase("a directory lists its files in order, without directories and without unfinished files", async (files) => {
    for (const name of ["b", "a", "é", "Z"]) await files.writeAtomically(`d/${name}`, utf8(name));
    await files.writeAtomically("d/sub/c", utf8("c"));
    await files.writeAtomically("d/.b.0011aabbccdd.millrace-tmp", utf8("left behind by a crash"));
    equal(await files.list("d"), ["Z", "a", "b", "é"]);
  }),

  filesCase("a read fills its buffer from any offset and stops at the end", async (files) => {
    const bytes = Uint8Array.from({ length: 100_000 }, (_unused, index) => index % 251);
    await files.writeAtomically("big", bytes);
    const handle = await files.open("big");
    equal(handle.sizeBytes, 100_000);
    const part = new Uint8Array(1000);
    equal(await handle.read(50_000, part), 1000);
    equal(part, bytes.slice(50_000, 51_000));
    part.fill(255);
    equal(await handle.read(99_990, part), 10);
    equal(part.slice(0, 11), Uint8Array.of(...bytes.slice(99_990), 255));
    equal(await handle.read(100_000, part), 0);
    equal(await handle.read(200_000, part), 0);
    await handle.close();
  }),

  filesCase("removed files are gone, and removing them again is fine", async (files) => {
    await files.writeAtomically("x", utf8("x"));
    await files.remove("x");
    await rejects(() => files.open("x"), "file_not_found");
    await files.remove("x");
    await files.remove("no/such/directory");
  }),

  filesCase("paths outside the roots are refused, and so is every `..`", async (files) => {
    await files.writeAtomically("in/file", utf8("x"));
    for (const path of ["/etc/passwd", "/", "/no/such", "../up", "in/../in/file", "in/..", "..\\up", "", "a\0b"]) {
      for (const call of [
        () => files.open(path),
        () => files.list(path),
        () => files.writeAtomically(path, utf8("no")),
        () => files.remove(path),
      ]) {
        await rejects(call, "path_not_allowed", path);
      }
    }
  }),

  filesCase("a missing file and a directory in a file's place are named", async (files) => {
    await files.writeAtomically("dir/file", utf8("x"));
    const missing = await rejects(() => files.open("none.ndjson"), "file_not_found");
    equal(missing.where, "none.ndjson");
    await rejects(() => files.list("none"), "file_not_found");
    await rejects(() => files.open("dir"), "file_not_regular");
    await rejects(() => files.list("dir/file"), "file_not_regular");
    await rejects(() => files.writeAtomically("dir", utf8("x")), "file_not_regular");
    await rejects(() => files.writeAtomically("dir/file/below", utf8("x")), "file_not_regular");
    equal(await files.list("dir"), ["file"], "nothing is left behind");
  }),
];
