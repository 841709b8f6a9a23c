// Local files against what a file system can hold against them: links out of the roots, pipes, races, bad names.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { LocalFiles } from "../../adapters/local/files.ts";
import { utf8 } from "../../src/base/bytes.ts";
import { MillraceError } from "../../src/base/errors.ts";

const base = mkdtempSync(join(tmpdir(), "millrace-files-"));
after(() => rmSync(base, { recursive: true, force: true }));

let made = 0;
function fresh(): { root: string; outside: string; files: LocalFiles } {
  const directory = join(base, String(made++));
  const root = join(directory, "root");
  const outside = join(directory, "outside");
  mkdirSync(root, { recursive: true });
  mkdirSync(outside);
  writeFileSync(join(outside, "secret"), "secret");
  return { root, outside, files: new LocalFiles([root]) };
}

const refused = async (run: Promise<unknown>, code: string): Promise<MillraceError> => {
  const error = await run.then(
    () => assert.fail("it succeeded"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof MillraceError, String(error));
  assert.equal(error.code, code, error.message);
  return error;
};

test("links that lead out of the roots are refused for reading, listing, writing and removing", async () => {
  const { root, outside, files } = fresh();
  symlinkSync(outside, join(root, "way-out"));
  symlinkSync(join(outside, "secret"), join(root, "link"));
  await refused(files.open("link"), "path_not_allowed");
  await refused(files.open("way-out/secret"), "path_not_allowed");
  await refused(files.list("way-out"), "path_not_allowed");
  await refused(files.writeAtomically("way-out/new", utf8("x")), "path_not_allowed");
  await refused(files.writeAtomically("way-out/new/deeper/file", utf8("x")), "path_not_allowed");
  await refused(files.remove("way-out/secret"), "path_not_allowed");
  assert.deepEqual(readdirSync(outside), ["secret"]);
  // A link that is written to or removed is replaced or removed itself; what it points at is not touched.
  await files.writeAtomically("link", utf8("mine"));
  assert.equal(readFileSync(join(outside, "secret"), "utf8"), "secret");
  assert.equal(readFileSync(join(root, "link"), "utf8"), "mine");
});

test("links within the roots, and a root that is itself a link, are followed", async () => {
  const { root, files } = fresh();
  writeFileSync(join(root, "real"), "real");
  symlinkSync(join(root, "real"), join(root, "alias"));
  await (await files.open("alias")).close();
  const linkedRoot = `${root}-link`;
  symlinkSync(root, linkedRoot);
  const throughLink = new LocalFiles([linkedRoot]);
  await (await throughLink.open(join(linkedRoot, "real"))).close();
  await (await throughLink.open(join(root, "real"))).close();
  assert.deepEqual(await throughLink.list(linkedRoot), ["alias", "real"]);
});

test("a neighbour whose name begins like a root is outside", async () => {
  const { root, files } = fresh();
  mkdirSync(`${root}-other`);
  writeFileSync(`${root}-other/file`, "x");
  await refused(files.open(`${root}-other/file`), "path_not_allowed");
  await refused(files.list(`${root}-other`), "path_not_allowed");
});

test("whether something outside exists is not told", async () => {
  const { outside, files } = fresh();
  const there = await refused(files.open(join(outside, "secret")), "path_not_allowed");
  const notThere = await refused(files.open(join(outside, "nothing")), "path_not_allowed");
  assert.equal(there.message.replace("secret", ""), notThere.message.replace("nothing", ""));
});

test("without roots nothing is allowed", async () => {
  const files = new LocalFiles([]);
  await refused(files.open("package.json"), "path_not_allowed");
  await refused(files.list("."), "path_not_allowed");
});

test("a pipe is refused instead of waited for", async () => {
  const { root, files } = fresh();
  if (spawnSync("mkfifo", [join(root, "pipe")]).status !== 0) return;
  await refused(files.open("pipe"), "file_not_regular");
});

test("bad names are named", async () => {
  const { files } = fresh();
  await refused(files.writeAtomically("n".repeat(300), utf8("x")), "file_name_too_long");
  await refused(files.open("n".repeat(300)), "file_name_too_long");
});

test("of writes to one file at the same time, one stays, whole, and nothing is left over", async () => {
  const { root, files } = fresh();
  const contents = Array.from({ length: 20 }, (_unused, n) => utf8(String(n).repeat(50_000)));
  await Promise.all(contents.map((bytes) => files.writeAtomically("d/file", bytes)));
  const found = readFileSync(join(root, "d/file"));
  assert.ok(contents.some((bytes) => Buffer.compare(bytes, found) === 0));
  assert.deepEqual(readdirSync(join(root, "d")), ["file"]);
});

test("an open file is read as it was opened, whatever replaces its name", async () => {
  const { files } = fresh();
  await files.writeAtomically("f", utf8("old"));
  const handle = await files.open("f");
  await files.writeAtomically("f", utf8("newer"));
  const bytes = new Uint8Array(handle.sizeBytes);
  assert.equal(await handle.read(0, bytes), 3);
  assert.deepEqual(bytes, utf8("old"));
  await handle.close();
});
