// NDJSON files as a source: every line once, whatever the splits, the batch sizes and the places where it is resumed.

import { utf8 } from "../../src/base/bytes.ts";
import { asSplitId } from "../../src/base/ids.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import { ndjsonFileSource } from "../../src/connectors/ndjson_file_source.ts";
import type { PlainData, SourceConnector } from "../../src/connectors/source.ts";
import { BatchRegion } from "../../src/kernel/batch_region.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import type { Files } from "../../src/platform/ports.ts";
import { type Case, type TestContext, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";
import { MemoryFiles } from "../support/memory_files.ts";
import { readAll, type SplitResult, sourceNode } from "../support/read_source.ts";

const schema: Schema = [field("id", "i64"), field("name", "utf8", true), field("ratio", "f64")];

const source = (files: Files, paths: readonly string[], splits = 1): SourceConnector =>
  ndjsonFileSource(files, sourceNode({ kind: "ndjson_file", paths, splits }, schema));

/** The platform's own files where there are any. */
async function anyFiles(context: TestContext): Promise<Files> {
  return (await context.freshPlatform()).files ?? new MemoryFiles();
}

const nameOf = (id: number): string | null => (id % 5 === 0 ? null : `naïve name № ${"x".repeat(id % 23)}${id}`);
const lineOf = (id: number): string => JSON.stringify({ skipped: [id], name: nameOf(id), id, ratio: id / 8 });
const linesOf = (first: number, end: number): string[] =>
  Array.from({ length: end - first }, (_unused, index) => lineOf(first + index));
const rowsOf = (first: number, end: number) =>
  Array.from({ length: end - first }, (_unused, index) => {
    const id = first + index;
    return [BigInt(id), nameOf(id), id / 8];
  });

const flat = (results: readonly SplitResult[]) => results.flatMap((one) => one.rows);
const whole = { rowsMax: 4096, resumeEvery: 0 };

async function openOne(context: TestContext, connector: SourceConnector, position?: PlainData, detail?: PlainData) {
  const kernel = new KernelInstance(context.kernels, 64 * 1024 * 1024);
  const region = new BatchRegion(kernel, connector.schema);
  const found = (await connector.enumerate())[0] ?? { id: asSplitId("none"), detail: null };
  const split = { id: found.id, detail: detail ?? found.detail };
  return { region, reader: await connector.open(split, position, { kernel, schema: connector.schema, region }) };
}

export const cases: readonly Case[] = [
  test("every line is read once, at any batch size and wherever reading is resumed", async (context) => {
    const files = await anyFiles(context);
    await files.writeAtomically("a.ndjson", utf8(linesOf(0, 300).join("\n")));
    await files.writeAtomically("b.ndjson", utf8(`${linesOf(300, 500).join("\r\n")}\n\n \n`));
    for (const splits of [1, 3]) {
      const connector = source(files, ["a.ndjson", "b.ndjson"], splits);
      for (const [rowsMax, resumeEvery] of [
        [4096, 0],
        [4096, 1],
        [7, 0],
        [7, 3],
        [1, 0],
        [1, 90],
      ] as const) {
        const results = await readAll(context.kernels, connector, { rowsMax, resumeEvery });
        equal(results.length, 2 * splits, "splits");
        equal(flat(results), rowsOf(0, 500), `${splits} splits, ${rowsMax} rows, resumed every ${resumeEvery}`);
      }
    }
  }),

  test("a file longer than many reads is read whole, and no batch breaks a line that two reads share", async (context) => {
    const files = await anyFiles(context);
    const count = 20_000;
    await files.writeAtomically("long.ndjson", utf8(`${linesOf(0, count).join("\n")}\n`));
    const once = flat(await readAll(context.kernels, source(files, ["long.ndjson"]), whole));
    equal(once.length, count);
    equal(once.slice(-3), rowsOf(count - 3, count));
    const resumed = await readAll(context.kernels, source(files, ["long.ndjson"], 4), {
      rowsMax: 1000,
      resumeEvery: 3,
    });
    ok(
      resumed.every((one) => one.rows.length > count / 5),
      "the splits are of like size",
    );
    equal(flat(resumed), once);
  }),

  test("a range owns the lines that start in it: ranges shorter than a line are left out", async (context) => {
    const files = await anyFiles(context);
    const long = JSON.stringify({ id: 1, name: "y".repeat(100_000), ratio: 0 });
    await files.writeAtomically("odd.ndjson", utf8(`${lineOf(0)}\n${long}\n${lineOf(2)}`));
    for (let splits = 1; splits <= 40; splits += 3) {
      const results = await readAll(context.kernels, source(files, ["odd.ndjson"], splits), whole);
      ok(results.length <= 3, "no split is empty");
      equal(
        flat(results).map((row) => row[0]),
        [0n, 1n, 2n],
        `${splits} splits`,
      );
    }
    await files.writeAtomically("empty.ndjson", utf8(""));
    equal(await source(files, ["empty.ndjson"], 5).enumerate(), []);
    await files.writeAtomically("blank.ndjson", utf8("\n\n"));
    equal(flat(await readAll(context.kernels, source(files, ["blank.ndjson"], 2), whole)), []);
  }),

  test("a line that starts right at a boundary belongs to the range behind it", async (context) => {
    const files = new MemoryFiles();
    await files.writeAtomically("f", utf8('{"id":1,"ratio":1}\n{"id":2,"ratio":2}\n{"id":3,"ratio":3}\n'));
    const results = await readAll(context.kernels, source(files, ["f"], 3), whole);
    equal(
      results.map(({ rows }) => rows.map((row) => row[0])),
      [[1n], [2n], [3n]],
    );
  }),

  test("a split boundary on any byte of the file splits between the same lines", async (context) => {
    const files = new MemoryFiles();
    const text = '{"id":1,"ratio":1}\n{"id":2,"ratio":2}\n\n{"id":3,"ratio":3}\n';
    await files.writeAtomically("f", utf8(text));
    for (let splits = 1; splits <= text.length + 3; splits += 2) {
      const results = await readAll(context.kernels, source(files, ["f"], splits), { rowsMax: 1, resumeEvery: 1 });
      equal(
        flat(results).map((row) => row[0]),
        [1n, 2n, 3n],
        `${splits} splits`,
      );
    }
    equal(files.openHandles, 0, "every handle is closed");
  }),

  test("a bad row is handed out with its file, byte offset, reason and text, once", async (context) => {
    const files = await anyFiles(context);
    const lines = [lineOf(0), '{"id":', lineOf(1), '{"id":"x","ratio":1}', "[1]", lineOf(2)];
    await files.writeAtomically("bad.ndjson", utf8(lines.join("\n")));
    const offsetOf = (index: number): number => utf8(lines.slice(0, index).join("\n")).byteLength + 1;
    for (const options of [whole, { rowsMax: 1, resumeEvery: 1 }]) {
      const [result] = await readAll(context.kernels, source(files, ["bad.ndjson"]), options);
      ok(result !== undefined, "there is one split");
      equal(
        result.rows.map((row) => row[0]),
        [0n, 1n, 2n],
      );
      equal(
        result.rejected.map(({ position, raw }) => ({ position, raw })),
        [1, 3, 4].map((index) => ({ position: `bad.ndjson:${offsetOf(index)}`, raw: lines[index] })),
      );
      ok(
        result.rejected.every(({ reason }) => reason.length > 5),
        "each has a reason",
      );
    }
  }),

  test("progress goes from 0 to 1, and the position of an ended split is its end", async (context) => {
    const files = await anyFiles(context);
    const text = linesOf(0, 40).join("\n");
    await files.writeAtomically("p.ndjson", utf8(text));
    const { reader } = await openOne(context, source(files, ["p.ndjson"]));
    equal(reader.progress(), 0);
    equal(reader.position(), { offset: 0 });
    await reader.read(20);
    ok((reader.progress() as number) > 0.4 && (reader.progress() as number) < 0.6, "half is read");
    while ((await reader.read(20)).kind === "rows");
    equal(reader.progress(), 1);
    equal(reader.position(), { offset: utf8(text).byteLength });
    await reader.close();
  }),

  test("lines appended after the splits were made belong to none of them", async (context) => {
    const files = await anyFiles(context);
    await files.writeAtomically("grow.ndjson", utf8(`${linesOf(0, 10).join("\n")}\n`));
    const connector = source(files, ["grow.ndjson"]);
    const [split] = await connector.enumerate();
    await files.writeAtomically("grow.ndjson", utf8(linesOf(0, 20).join("\n")));
    const fixed: SourceConnector = { ...connector, enumerate: async () => (split === undefined ? [] : [split]) };
    equal(flat(await readAll(context.kernels, fixed, { rowsMax: 3, resumeEvery: 2 })), rowsOf(0, 10));
  }),

  test("a file that shrank, was replaced or is gone is refused, and named", async (context) => {
    const files = await anyFiles(context);
    await files.writeAtomically("x.ndjson", utf8(linesOf(0, 10).join("\n")));
    const connector = source(files, ["x.ndjson"]);
    const [split] = await connector.enumerate();
    const { reader } = await openOne(context, connector);
    await reader.read(5);
    const position = reader.position();
    await reader.close();
    const reopen = async () => (await openOne(context, connector, position, split?.detail ?? null)).reader;
    await (await reopen()).close();
    await files.writeAtomically("x.ndjson", utf8(linesOf(0, 9).join("\n")));
    const shrunk = await rejects(reopen, "source_changed");
    equal(shrunk.where, "x.ndjson");
    ok(/it has \d+ bytes, and had at least \d+/.test(shrunk.message), shrunk.message);
    await files.writeAtomically("x.ndjson", utf8(linesOf(50, 90).join("\n")));
    await rejects(reopen, "source_changed");
    const likeIt = linesOf(0, 10).join("\n").replaceAll("skipped", "Skipped");
    await files.writeAtomically("x.ndjson", utf8(likeIt));
    ok(
      (await rejects(reopen, "source_changed")).message.includes("its bytes from 0 on are others"),
      "the same lengths",
    );
    await files.remove("x.ndjson");
    equal((await rejects(reopen, "file_not_found")).where, "x.ndjson");
    await rejects(() => connector.enumerate(), "file_not_found");
  }),

  test("a file that is cut or breaks while it is read fails the read, and its handle can still be closed", async (context) => {
    const files = new MemoryFiles();
    const text = utf8(linesOf(0, 20_000).join("\n"));
    for (const [harm, code] of [
      [() => files.cut("y", 700_000), "source_changed"],
      [() => files.broken.add("y"), "file_unavailable"],
    ] as const) {
      await files.writeAtomically("y", text);
      const { reader } = await openOne(context, source(files, ["y"]));
      equal((await reader.read(10)).kind, "rows");
      harm();
      const readOn = async () => {
        while ((await reader.read(4096)).kind !== "end");
      };
      equal((await rejects(readOn, code)).where, "y");
      await reader.close();
      await reader.close();
      equal(files.openHandles, 0, "open handles");
    }
  }),

  test("positions and details that this source never wrote are refused", async (context) => {
    const files = await anyFiles(context);
    await files.writeAtomically("z.ndjson", utf8(linesOf(0, 10).join("\n")));
    const connector = source(files, ["z.ndjson"]);
    for (const position of [null, 3, "0", [], {}, { offset: -1 }, { offset: 1.5 }, { offset: 1e9 }, { offset: "0" }]) {
      await rejects(() => openOne(context, connector, position), "split_invalid", JSON.stringify(position));
    }
    await rejects(() => openOne(context, connector, { offset: 5 }), "source_changed", "inside a line");
    const detail = { path: "z.ndjson", start: 0, end: 10, fingerprint: 0 };
    for (const wrong of [{ path: 1 }, { start: -1 }, { end: 1e17 }, { start: 11 }, { fingerprint: null }]) {
      const mixed = { ...detail, ...wrong };
      await rejects(() => openOne(context, connector, undefined, mixed), "split_invalid", JSON.stringify(wrong));
    }
    const other = await rejects(
      () => openOne(context, connector, undefined, { ...detail, path: "/etc/passwd" }),
      "source_changed",
    );
    equal(other.where, "/etc/passwd");
  }),

  test("a missing file and a file listed twice are refused before anything is read", async (context) => {
    const files = await anyFiles(context);
    await files.writeAtomically("a.ndjson", utf8(lineOf(0)));
    equal(
      (await rejects(() => source(files, ["a.ndjson", "b.ndjson"]).enumerate(), "file_not_found")).where,
      "b.ndjson",
    );
    await rejects(() => source(files, ["a.ndjson", "a.ndjson"]).enumerate(), "spec_invalid");
  }),
];
