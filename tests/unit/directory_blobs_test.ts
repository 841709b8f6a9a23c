// Blobs in a directory against what really happens to files and processes: kills in the middle of a write, two writers
// of one name, damage, leftovers, a directory that is none. The shared cases of blobs run over it as well.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { filePath, nameOfKey, nameOfPath, objectKey } from "../../adapters/local/blobs/blob_names.ts";
import { openBlobs } from "../../adapters/local/blobs/open_blobs.ts";
import { utf8 } from "../../src/base/bytes.ts";
import { MillraceError } from "../../src/base/errors.ts";
import { seededPrng } from "../../src/base/prng.ts";
import { MemoryMetadataStore } from "../../src/platform/memory_stores.ts";
import type { Platform } from "../../src/platform/platform.ts";
import type { BlobStore } from "../../src/platform/ports.ts";
import { rootPath } from "../../tools/process.ts";
import { waitFor } from "../support/server_process.ts";
import { cases } from "../conformance/stores.cases.ts";

const root = mkdtempSync(join(tmpdir(), "millrace-blobs-"));
after(() => rmSync(root, { recursive: true, force: true }));

let made = 0;
const freshDirectory = (): string => join(root, `d${made++}`);
const open = (directory: string): Promise<BlobStore> => openBlobs({ url: pathToFileURL(directory).href });

async function refusal(run: Promise<unknown>): Promise<MillraceError> {
  const error = await run.then(
    () => assert.fail("it succeeded"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof MillraceError, String(error));
  return error;
}

for (const one of cases.filter(({ name }) => name.startsWith("blobs: "))) {
  test(`in a directory: ${one.name}`, async () => {
    const platform = { metadata: new MemoryMetadataStore(), blobs: await open(freshDirectory()) };
    const freshPlatform = async (): Promise<Platform> => platform as unknown as Platform;
    await one.run({ kernels: undefined as unknown as WebAssembly.Module, runtime: "node", freshPlatform });
  });
}

test("names are keys and paths one to one, whatever is in them, and common beginnings stay common", () => {
  const random = seededPrng(7);
  const alphabet = [..."abAB01/._-~%+= '\"&<é\u{1f600}\u0001\\:*?"];
  const names = ["a", "a.blob", "a.blob/b", "a/b", "A/b", "..", ".", "a/../b", "//", "/", "~", "=", "+writing", "a+/b"];
  for (let count = 0; count < 3000; count++) {
    names.push(Array.from({ length: 1 + random.below(12) }, () => random.pick(alphabet)).join(""));
  }
  names.push("x".repeat(1024), `p/${"é".repeat(500)}/q`, "x".repeat(200), `${"x".repeat(199)}/`, "A".repeat(67));
  const keys = new Map<string, string>();
  for (const name of names) {
    const [key, path] = [objectKey(name), filePath(name)];
    assert.equal(nameOfKey(key), name);
    assert.equal(nameOfPath(path), name);
    assert.match(key, /^[A-Za-z0-9_.~/-]+$/);
    assert.ok(!/(^|\/)\.{1,2}(\/|$)/.test(key), key);
    assert.match(path, /^([a-z0-9_~=+A-F-]+\/)*[a-z0-9_~=+A-F-]+\.blob$/);
    assert.ok(
      path.split("/").every((segment) => segment.length <= 205),
      path,
    );
    const lower = path.toLowerCase();
    assert.equal(keys.get(lower) ?? name, name, "told apart where capitals are not");
    keys.set(lower, name);
    for (const cut of [1, Math.floor(name.length / 2)]) {
      const prefix = [...name].slice(0, cut).join("");
      assert.ok(key.startsWith(objectKey(prefix)), `${prefix} of ${name}`);
    }
  }
  assert.equal(new Set(names.map(objectKey)).size, new Set(names).size);
});

test("a blob that was torn, changed or is none of ours is told", async () => {
  const directory = freshDirectory();
  const blobs = await open(directory);
  const bytes = new Uint8Array(10_000).fill(7);
  for (const name of ["torn", "short", "changed", "foreign"]) await blobs.put(name, bytes);
  truncateSync(join(directory, "torn.blob"), 5000);
  truncateSync(join(directory, "short.blob"), 10);
  const file = readFileSync(join(directory, "changed.blob"));
  file[5000] = 8;
  writeFileSync(join(directory, "changed.blob"), file);
  writeFileSync(join(directory, "foreign.blob"), "somebody's notes".repeat(10));
  for (const name of ["torn", "short", "changed", "foreign"]) {
    const error = await refusal(blobs.get(name));
    assert.deepEqual([error.code, error.where, error.retry], ["store_corrupt", name, "none"]);
  }
  for (const name of ["torn", "changed"]) assert.equal((await refusal(blobs.put(name, bytes))).code, "store_corrupt");
  assert.deepEqual([...(await blobs.list(""))], ["changed", "foreign", "short", "torn"]);
});

test("of many writers of one name at once, one wins and all others are told", async () => {
  const blobs = await open(freshDirectory());
  const puts = Array.from({ length: 20 }, (_none, index) => blobs.put("name", utf8(`bytes ${index % 10}`)));
  const outcomes = await Promise.allSettled(puts);
  const won = outcomes.map((one) => one.status === "fulfilled");
  const winner = won.indexOf(true) % 10;
  assert.deepEqual(
    won,
    Array.from({ length: 20 }, (_none, index) => index % 10 === winner),
  );
  assert.deepEqual(await blobs.get("name"), utf8(`bytes ${winner}`));
});

test("processes that are killed while they write the same names leave whole blobs only, and all that were answered", async () => {
  const directory = freshDirectory();
  const owners = new Map<string, string>();
  let answers = 0;
  for (let round = 0; round < 3; round++) {
    const children = ["a", "b"].map((label) => {
      const args = [join(rootPath, "tests/support/blob_child.ts"), directory, label, String(round * 10_000)];
      const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
      createInterface({ input: child.stdout }).on("line", (line) => {
        const [word = "", number = ""] = line.split(" ");
        answers++;
        if (word === "mine") owners.set(`shared/${number}`, label);
      });
      return child;
    });
    const enough = answers + 15;
    await waitFor("some answers", 30_000, async () => (answers >= enough ? true : undefined));
    const ended = children.map((child) => new Promise((resolve) => child.once("close", resolve)));
    for (const child of children) child.kill("SIGKILL");
    await Promise.all(ended);
    const blobs = await open(directory);
    const names = await blobs.list("shared/");
    for (const name of names) {
      const bytes = (await blobs.get(name)) as Uint8Array;
      const number = Number(name.slice("shared/".length));
      assert.equal(bytes.byteLength, 20_000 + (number % 7) * 30_000, name);
      assert.ok(
        bytes.every((byte) => byte === bytes[0]),
        `${name} is of one writer`,
      );
      const owner = owners.get(name);
      if (owner !== undefined) assert.equal(String.fromCharCode(bytes[0] as number), owner, name);
    }
    for (const name of owners.keys()) assert.ok(names.includes(name), `${name} was answered`);
  }
  assert.ok(owners.size > 20, `${owners.size} blobs`);
});

test("what dead processes left half-written is never listed, and is removed in time", async () => {
  const directory = freshDirectory();
  await (await open(directory)).put("kept", utf8("kept"));
  const writing = join(directory, "+writing");
  for (const name of ["old", "new"]) writeFileSync(join(writing, name), "half");
  utimesSync(join(writing, "old"), new Date(0), new Date(0));
  const blobs = await open(directory);
  assert.deepEqual(readdirSync(writing), ["new"]);
  assert.deepEqual(await blobs.list(""), ["kept"]);
});

test("a directory that cannot be one is named", async () => {
  const directory = freshDirectory();
  mkdirSync(root, { recursive: true });
  writeFileSync(directory, "a file");
  const error = await refusal(open(directory));
  assert.deepEqual([error.code, error.where], ["store_unavailable", directory]);
  assert.equal((await refusal(openBlobs({ url: "file://host/x" }))).code, "store_address_invalid");
});
