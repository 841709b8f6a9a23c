// What can go wrong outside of Millrace, one entry each: it is brought about with real processes, files and disks, and
// each entry tells the words that a user reads, and whether everything was still there afterwards.

import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createClient } from "@libsql/client";
import type { Ended, LineProcess, Workplace } from "./cli.ts";

export interface Misfortune {
  readonly name: string;
  /** Part of the small proof. */
  readonly quick: boolean;
  /** The texts in order; throws where something was lost. */
  readonly happen: (place: Workplace) => Promise<readonly string[]>;
}

/** At one row a batch, longer than it takes to stop the job in the middle. */
const ROWS = 400_000;

const wordsSpec = (connector: object) => ({
  millrace: 1,
  name: "words",
  checkpoint: { intervalMs: 50 },
  restart: { strategy: "none" },
  operators: [
    {
      uid: "lines",
      kind: "source",
      connector,
      schema: [
        { name: "word", type: "utf8" },
        { name: "number", type: "i64" },
      ],
    },
    { uid: "files", kind: "sink", input: "lines", connector: { kind: "ndjson_files", directory: "out" } },
    { uid: "bad", kind: "sink", input: "lines#rejected", connector: { kind: "ndjson_files", directory: "bad" } },
  ],
});

/** Windows over seeded rows: state in the checkpoints, a table as output. */
const windowsSpec = (rows: number, ratePerSecond?: number) => ({
  millrace: 1,
  name: "windows",
  checkpoint: { intervalMs: 100 },
  restart: { strategy: "none" },
  operators: [
    {
      uid: "events",
      kind: "source",
      connector: {
        kind: "generator",
        seed: 11,
        rows,
        keys: 2000,
        stepMs: 10,
        ...(ratePerSecond === undefined ? {} : { ratePerSecond }),
      },
      schema: [
        { name: "at", type: "timestamp" },
        { name: "account", type: "utf8" },
        { name: "amount", type: "i64" },
      ],
      eventTime: { column: "at", boundMs: 0 },
    },
    {
      uid: "sums",
      kind: "window",
      input: "events",
      keyBy: ["account"],
      window: { kind: "tumbling", sizeMs: 60_000 },
      aggregates: { events: { function: "count" }, amount: { function: "sum", column: "amount" } },
    },
    {
      uid: "result",
      kind: "sink",
      input: "sums",
      connector: { kind: "table", table: "sums", mode: "upsert", primaryKey: ["account", "window_start"] },
    },
  ],
});

const write = (place: Workplace, name: string, content: unknown): void =>
  writeFileSync(join(place.path, name), typeof content === "string" ? content : JSON.stringify(content));

function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

const mustEnd = (ended: Ended, code: number): Ended => {
  must(ended.code === code, `ended with ${ended.code}, not ${code}:\n${ended.out.slice(-1500)}\n${ended.err}`);
  return ended;
};

const linesIn = (place: Workplace, directory: string): string[] =>
  readdirSync(join(place.path, directory))
    .sort()
    .flatMap((name) =>
      readFileSync(join(place.path, directory, name), "utf8")
        .trimEnd()
        .split("\n"),
    );

const counted = async (path: string): Promise<string> => {
  const client = createClient({ url: `file:${path}` });
  try {
    const { rows } = await client.execute(
      "SELECT count(*), sum(events), sum(amount), count(DISTINCT account) FROM sums",
    );
    return Object.values(rows[0] ?? {}).join(" ");
  } finally {
    client.close();
  }
};

async function malformedRows(place: Workplace): Promise<readonly string[]> {
  const bad = [
    '{"word":"open',
    '{"word":"a","number":"7"}',
    '{"word":"a","number":1.5}',
    '{"word":"a"}',
    '{"word":null,"number":1}',
    '{"word":"a","number":9223372036854775808}',
    '{"word":"a","number":1}}',
    "[1]",
    "nonsense",
    `{"word":"a","number":${"[".repeat(80)}`,
  ];
  const good = Array.from({ length: 30 }, (_, number) => `{"word":"w","number":${number}}`);
  const mixed = good.flatMap((line, index) => (bad[index] === undefined ? [line] : [line, bad[index]]));
  writeFileSync(
    join(place.path, "in.ndjson"),
    Buffer.concat([Buffer.from(`${mixed.join("\n")}\n{"word":"`), Buffer.from([0xff, 0x22, 0x7d, 0x0a])]),
  );
  write(place, "job.json", wordsSpec({ kind: "ndjson_file", path: "in.ndjson" }));
  mustEnd(await place.run("run", "job.json"), 0);
  const numbers = linesIn(place, "out").map((line) => (JSON.parse(line) as { number: number }).number);
  must(numbers.length === 30 && new Set(numbers).size === 30, `every good row is there: ${numbers.length}`);
  const rejected = linesIn(place, "bad").map(
    (line) => JSON.parse(line) as { position: string; reason: string; raw: string },
  );
  must(rejected.length === bad.length + 1, `every bad row is there: ${rejected.length}`);
  return rejected.map(({ position, reason, raw }) => `${position}: ${reason} | ${raw.slice(0, 60)}`);
}

async function unreadableFile(place: Workplace): Promise<readonly string[]> {
  mkdirSync(join(place.path, "folder"));
  const texts: string[] = [];
  for (const path of ["missing.ndjson", "folder", "/etc/hostname", "../escape.ndjson"]) {
    write(place, "job.json", wordsSpec({ kind: "ndjson_file", path }));
    texts.push(mustEnd(await place.run("run", "job.json"), 1).err);
  }
  texts.push(mustEnd(await place.run("run", "none.json"), 2).err);
  return texts;
}

/** A file that shrinks or changes under a stopped job must not be read on as if it were the same. */
async function changedFile(place: Workplace): Promise<readonly string[]> {
  const lines = Array.from({ length: ROWS }, (_, number) => `{"word":"w","number":${number}}\n`).join("");
  write(place, "in.ndjson", lines);
  write(place, "job.json", wordsSpec({ kind: "ndjson_file", path: "in.ndjson" }));
  await stopAfterCheckpoint(place, "--batch-rows", "1");
  write(place, "in.ndjson", lines.replaceAll('"w"', '"x"'));
  const text = mustEnd(await place.run("run", "job.json"), 1).err;
  return [text];
}

async function stopAfterCheckpoint(place: Workplace, ...more: readonly string[]): Promise<void> {
  const running = place.start("run", "job.json", "--json", ...more);
  await running.line(/"checkpoints":([3-9]|\d\d)/);
  mustEnd(await running.stop("SIGINT"), 130);
}

/** The job says that it cannot go on, goes on by itself once there is room, and its output is whole. */
async function fullDisk(place: Workplace): Promise<readonly string[]> {
  const disk = join(place.path, "disk");
  mkdirSync(disk);
  mount("-t", "tmpfs", "-o", "size=2m", "tmpfs", disk);
  try {
    const restart = { strategy: "fixed_delay", attempts: 1000, delayMs: 100 };
    write(place, "job.json", { ...windowsSpec(200_000), restart });
    const running = place.start("run", "job.json", "--directory", "disk/store", "--json");
    const { input } = await running.line(/"event":"warning"/);
    mount("-o", "remount,size=400m", disk);
    mustEnd(await running.ended, 0);
    mustEnd(await place.run("run", "job.json", "--directory", "reference"), 0);
    const [found, wanted] = [
      await counted(join(disk, "store", "store.db")),
      await counted(join(place.path, "reference", "store.db")),
    ];
    must(found === wanted, `the output is whole: ${found}, wanted ${wanted}`);
    return [input.replace(/(checkpoint|restart) \d+/g, "$1 <n>")];
  } finally {
    spawnSync("umount", ["-l", disk]);
  }
}

function mount(...args: readonly string[]): void {
  const { status, stderr } = spawnSync("mount", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`a disk of its own cannot be made, which needs root: ${stderr}`);
}

/** One byte of a checkpoint's part is changed in the store; put back, the job goes on as if nothing had been. */
async function corruptedPart(place: Workplace): Promise<readonly string[]> {
  write(place, "job.json", windowsSpec(60_000, 20_000));
  await stopAfterCheckpoint(place);
  const store = join(place.path, ".millrace", "store.db");
  const flip = async (): Promise<void> => {
    const client = createClient({ url: `file:${store}`, intMode: "bigint" });
    const { rows } = await client.execute(
      "SELECT name, chunk, data FROM millrace_blob_chunk WHERE name LIKE 'job/%/part/%'",
    );
    must(rows.length > 0, "there is a part");
    for (const row of rows) {
      const bytes = new Uint8Array(row["data"] as ArrayBuffer);
      bytes[bytes.byteLength >> 1] = (bytes[bytes.byteLength >> 1] as number) ^ 4;
      await client.execute({
        sql: "UPDATE millrace_blob_chunk SET data = ? WHERE name = ? AND chunk = ?",
        args: [bytes, row["name"] as string, row["chunk"] as bigint],
      });
    }
    client.close();
  };
  const whole = join(place.path, "whole.db");
  copyFileSync(store, whole);
  await flip();
  const failed = mustEnd(await place.run("run", "job.json"), 1);
  copyFileSync(whole, store);
  mustEnd(await place.run("run", "job.json"), 0);
  mustEnd(await place.run("run", "job.json", "--directory", "reference"), 0);
  const [found, wanted] = [await counted(store), await counted(join(place.path, "reference", "store.db"))];
  must(found === wanted, `the output is whole: ${found}, wanted ${wanted}`);
  return [failed.err];
}

interface Served {
  readonly process: LineProcess;
  readonly url: string;
  readonly call: (method: string, path: string, body?: BodyInit, type?: string, token?: string) => Promise<Response>;
}

async function served(place: Workplace, ...more: readonly string[]): Promise<Served> {
  const running = place.start("dev", "--port", "0", ...more);
  const url = (await running.line(/REST {3}(\S+)$/))[1] as string;
  const own = (await running.line(/token {2}(\S+) /))[1] as string;
  await running.line(/try/);
  const call: Served["call"] = (method, path, body, type = "application/json", token = own) =>
    fetch(`${url}${path}`, {
      method,
      headers: { Authorization: `Bearer ${token}`, "Content-Type": type },
      body: body ?? null,
    });
  return { process: running, url, call };
}

async function truncatedSavepoint(place: Workplace): Promise<readonly string[]> {
  const { process: server, call } = await served(place);
  const spec = JSON.stringify(windowsSpec(200_000, 5_000));
  const { jobid } = (await (await call("POST", "/v1/jobs", spec)).json()) as { jobid: string };
  await until(
    async () => ((await (await call("GET", `/v1/jobs/${jobid}`)).json()) as { state: string }).state === "RUNNING",
  );
  const asked = (await (await call("POST", `/v1/jobs/${jobid}/savepoints`, "{}")).json()) as { "request-id": string };
  const path = `/v1/savepoints/${asked["request-id"]}`;
  await until(async () => ((await (await call("GET", path)).json()) as { status: string }).status === "COMPLETED");
  const bytes = new Uint8Array(await (await call("GET", `${path}/file`)).arrayBuffer());
  await call("PATCH", `/v1/jobs/${jobid}`);
  const truncated = bytes.slice(0, bytes.byteLength - 10);
  const upload = await call("POST", "/v1/savepoints", truncated, "application/octet-stream");
  must(upload.status === 400, `it is refused: ${upload.status}`);
  const text = await upload.text();
  must(
    (await call("POST", "/v1/savepoints", bytes, "application/octet-stream")).status === 201,
    "the whole one is taken",
  );
  await server.stop();
  writeFileSync(join(place.path, "truncated.savepoint"), truncated);
  write(place, "job.json", { ...windowsSpec(20_000), name: "again" });
  const ended = mustEnd(await place.run("run", "job.json", "--savepoint", "truncated.savepoint"), 3);
  const size = String(bytes.byteLength - 10);
  return [text.replaceAll(size, "<size>"), ended.err.replaceAll(size, "<size>")].map((one) =>
    one.replace(/byte \d+/g, "byte <n>"),
  );
}

async function until(done: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await done()); tries++) {
    must(tries < 600, "what was waited for did not come about");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function secondProcess(place: Workplace): Promise<readonly string[]> {
  const { process: first, call } = await served(place);
  const { err } = mustEnd(await place.run("dev", "--port", "0"), 3);
  must((await call("GET", "/v1/jobs")).status === 200, "the first goes on");
  await first.stop();
  return [err];
}

async function wrongSpec(place: Workplace): Promise<readonly string[]> {
  const spec = windowsSpec(10) as unknown as { operators: Record<string, unknown>[]; chekpoint?: unknown };
  spec.chekpoint = {};
  const [source, window, sink] = spec.operators as [
    Record<string, unknown>,
    Record<string, unknown>,
    Record<string, unknown>,
  ];
  source["schema"] = [
    { name: "at", type: "time" },
    { name: "account", type: "utf8" },
    { name: "amount", type: "i64" },
  ];
  window["window"] = { kind: "tumbling", sizeMs: 0 };
  window["keyBy"] = ["acount"];
  sink["input"] = "summs";
  sink["uid"] = undefined;
  write(place, "job.json", spec);
  const ended = mustEnd(await place.run("run", "job.json"), 2);
  must(!readdirSync(place.path).includes(".millrace"), "nothing was started");
  return [ended.err];
}

async function portTaken(place: Workplace): Promise<readonly string[]> {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const { port } = other.address() as { port: number };
  const { err } = mustEnd(await place.run("dev", "--port", String(port)), 3);
  other.close();
  return [err.replaceAll(String(port), "<port>")];
}

async function wrongToken(place: Workplace): Promise<readonly string[]> {
  const { url, call, process: server } = await served(place);
  const texts: string[] = [];
  for (const answer of [
    await fetch(`${url}/v1/jobs`),
    await call("GET", "/v1/jobs", undefined, "application/json", "wrong"),
  ]) {
    must(answer.status === 401, `it is refused: ${answer.status}`);
    texts.push(await answer.text());
  }
  await server.stop();
  return texts;
}

export const misfortunes: readonly Misfortune[] = [
  { name: "malformed rows", quick: true, happen: malformedRows },
  { name: "unreadable file", quick: true, happen: unreadableFile },
  { name: "changed file", quick: false, happen: changedFile },
  { name: "full disk", quick: false, happen: fullDisk },
  { name: "corrupted part", quick: false, happen: corruptedPart },
  { name: "truncated savepoint", quick: false, happen: truncatedSavepoint },
  { name: "second process", quick: true, happen: secondProcess },
  { name: "wrong spec", quick: true, happen: wrongSpec },
  { name: "port taken", quick: true, happen: portTaken },
  { name: "wrong token", quick: true, happen: wrongToken },
];

/** What differs from run to run, by what it is. */
export const normalized = (text: string, place: string): string =>
  text
    .trimEnd()
    .replaceAll(place, "<place>")
    .replace(/process \d+ since [0-9T:.Z-]+/g, "process <pid> since <time>")
    .replace(/\b[0-9a-f]{32}\b/g, "<id>")
    .replace(/\b[0-9a-f]{16}\b/g, "<branch>")
    .replace(/\b0\d{11}\b/g, "<number>")
    .replace(/\b\d+ bytes\b/g, "<n> bytes");
