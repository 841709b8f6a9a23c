// The command line with real processes: what it prints, what it exits with, and that it never shows a stack trace.

import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { loadJob } from "../../adapters/local/cli/load_job.ts";
import { type Ended, type Workplace, withWorkplace } from "../support/cli.ts";

/** A person gets a sentence, not the inside of the program. */
const refused = ({ code, err }: Ended, status: number, ...parts: readonly string[]): void => {
  assert.equal(code, status, err);
  for (const part of parts) assert.ok(err.includes(part), `${JSON.stringify(part)} in ${err}`);
  assert.doesNotMatch(err, /\n\s+at .*:\d+/, "no stack trace");
};

const spec = (path: string, directory: string) => ({
  millrace: 1,
  name: "words",
  checkpoint: { intervalMs: 20 },
  restart: { strategy: "none" },
  operators: [
    {
      uid: "lines",
      kind: "source",
      connector: { kind: "ndjson_file", path },
      schema: [
        { name: "word", type: "utf8" },
        { name: "number", type: "i64" },
      ],
    },
    { uid: "files", kind: "sink", input: "lines", connector: { kind: "ndjson_files", directory } },
    { uid: "bad", kind: "sink", input: "lines#rejected", connector: { kind: "print" } },
  ],
});

const write = (place: Workplace, name: string, content: unknown): void =>
  writeFileSync(join(place.path, name), typeof content === "string" ? content : JSON.stringify(content));

const lines = (count: number): string =>
  Array.from({ length: count }, (_, number) => `{"word":"w${number % 7}","number":${number}}\n`).join("");

test("validate shows every problem with path, found and expected, and exits with 2", () =>
  withWorkplace(async (place) => {
    const wrong = spec("in.ndjson", "out") as unknown as { name: unknown; operators: Record<string, unknown>[] };
    wrong.name = 7;
    (wrong.operators[1] as Record<string, unknown>)["input"] = "linse";
    write(place, "wrong.json", wrong);
    write(place, "right.json", spec("in.ndjson", "out"));
    const [ended, json, right] = await Promise.all([
      place.run("validate", "wrong.json"),
      place.run("validate", "wrong.json", "--json"),
      place.run("validate", "right.json"),
    ]);
    refused(ended, 2, "error [spec_invalid] wrong.json:\n", "name: found 7, expected", "operators[1].input: found");
    refused(ended, 2, '"linse", expected the uid of an operator: "lines"; did you mean "lines"?');
    assert.equal(json.code, 2);
    const event = JSON.parse(json.out) as { event: string; code: string; problems: { path: string }[] };
    assert.deepEqual([event.event, event.code], ["error", "spec_invalid"]);
    const paths = event.problems.map((one) => one.path);
    assert.deepEqual(paths, ["name", "operators[1].input"]);
    assert.deepEqual([right.code, right.out], [0, 'right.json: job "words" is valid, 3 operators\n']);
  }));

test("a file that is no job is told as what it is", () =>
  withWorkplace(async (place) => {
    const at = (name: string): string => join(place.path, name);
    const refuses = async (name: string, code: string, ...parts: readonly string[]): Promise<void> => {
      await assert.rejects(loadJob(at(name)), (error: { code?: string; where?: string; message: string }) => {
        assert.deepEqual([error.code, error.where], [code, at(name)]);
        for (const part of parts) assert.ok(error.message.includes(part), `${part} in ${error.message}`);
        return true;
      });
    };
    mkdirSync(at("folder.json"));
    write(place, "broken.json", '{\n  "größe": oops\n}');
    writeFileSync(at("latin.json"), Buffer.from([0x22, 0xe9, 0x22]));
    write(place, "large.json", `"${"x".repeat(1024 * 1024)}"`);
    write(place, "job.yaml", "name: x");
    write(place, "empty.ts", "export const other = 1;\n");
    write(place, "throws.ts", 'throw new Error("no luck");\n');
    write(place, "syntax.ts", "export default {{;\n");
    write(place, "builder.ts", "export default { toSpec: () => ({ name: 'built' }) };\n");
    await refuses("none.json", "file_not_found", "does not exist");
    await refuses("none.ts", "file_not_found", "does not exist");
    await refuses("folder.json", "file_not_regular", "is a directory");
    await refuses("broken.json", "json_invalid", "expected is a value (line 2, column 12)");
    await refuses("latin.json", "job_file_invalid", "UTF-8");
    await refuses("large.json", "job_file_invalid", "at most 1048576");
    await refuses("job.yaml", "job_file_invalid", ".json, .ts");
    await refuses("empty.ts", "job_file_invalid", "no default export");
    await refuses("throws.ts", "job_file_invalid", "no luck");
    await refuses("syntax.ts", "job_file_invalid", "cannot be loaded");
    assert.deepEqual(await loadJob(at("builder.ts")), { name: "built" });
  }));

test("wrong usage exits with 2 and says what would be right", () =>
  withWorkplace(async (place) => {
    const [missing, port, rows, root, name, times, help, version] = await Promise.all([
      place.run("run"),
      place.run("dev", "--port", "70000"),
      place.run("dev", "--batch-rows", "0"),
      place.run("dev", "--root", "nowhere"),
      place.run("dve"),
      place.run("up", "--beat-ms", "500", "--silence-ms", "1000"),
      place.run("--help"),
      place.run("--version"),
    ]);
    refused(missing, 2, "missing required argument 'file'");
    refused(port, 2, "A whole number from 0 to 65535 would be right.");
    refused(rows, 2, "from 1 to 4096");
    refused(root, 2, "It does not exist.");
    refused(name, 2, "Did you mean dev?");
    refused(times, 2, "at least 1500 ms of silence would be right");
    assert.equal(help.code, 0);
    assert.match(version.out, /^\d+\.\d+\.\d+\n$/);
  }));

test("run runs a job to its end, prints the runtime of the process, and leaves the output", () =>
  withWorkplace(async (place) => {
    write(place, "in.ndjson", `${lines(1000)}oops\n`);
    write(place, "job.ts", `export default ${JSON.stringify(spec("in.ndjson", "out"))};\n`);
    const [ended, again] = await Promise.all([
      place.run("run", "job.ts"),
      place.run("run", "job.ts", "--json", "--directory", "other"),
    ]);
    assert.equal(ended.code, 0, ended.err);
    const version = process.versions.node.replaceAll(".", "\\.");
    assert.match(ended.out, new RegExp(`\nFINISHED  1,001 rows in \\d+\\.\\d s on node ${version}\n$`));
    assert.match(ended.out, /\n\{"source":"lines","position":"in\.ndjson.*"raw":"oops"\}\n/);
    const events = again.out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual([events[0]?.["event"], events.at(-1)?.["event"]], ["started", "ended"]);
    assert.equal(events.at(-1)?.["status"], "FINISHED");
    assert.ok(events.some((one) => one["event"] === "progress"));
  }));

test("a job that fails is told with what and where, and exits with 1", () =>
  withWorkplace(async (place) => {
    write(place, "missing.json", spec("missing.ndjson", "out"));
    write(place, "outside.json", spec("/etc/passwd", "out"));
    const [missing, outside] = await Promise.all([
      place.run("run", "missing.json"),
      place.run("run", "outside.json", "--directory", "other"),
    ]);
    refused(missing, 1, "error [file_not_found] missing.ndjson: missing.ndjson does not exist");
    refused(outside, 1, "error [path_not_allowed] /etc/passwd", "allowed file roots");
  }));

test("a job stopped by Ctrl-C goes on at the next run, and no row is lost or doubled", () =>
  withWorkplace(async (place) => {
    const count = 400_000;
    write(place, "in.ndjson", lines(count));
    write(place, "job.json", spec("in.ndjson", "out"));
    const first = place.start("run", "job.json", "--batch-rows", "1", "--json");
    await first.line(/"checkpoints":[1-9]/);
    const stopped = await first.stop();
    assert.equal(stopped.code, 130, stopped.err);
    assert.match(stopped.out, /"event":"stopped"/);
    write(place, "other.json", { ...spec("in.ndjson", "elsewhere") });
    refused(await place.run("run", "other.json"), 2, "[job_exists] job words", "another one");
    const second = await place.run("run", "job.json", "--json");
    assert.equal(second.code, 0, second.err);
    assert.match(second.out, /"event":"started".*"resumed":true/);
    assert.deepEqual(
      numbersIn(join(place.path, "out")),
      Array.from({ length: count }, (_, number) => number),
    );
  }));

function numbersIn(directory: string): number[] {
  const found: number[] = [];
  for (const name of readdirSync(directory)) {
    for (const line of readFileSync(join(directory, name), "utf8").split("\n")) {
      if (line !== "") found.push((JSON.parse(line) as { number: number }).number);
    }
  }
  return found.sort((left, right) => left - right);
}

test("dev serves with a token that is made once and readable by its owner only, and stops politely", () =>
  withWorkplace(async (place) => {
    const first = place.start("dev", "--port", "0");
    const [, url] = await first.line(/REST {3}(http:\/\/127\.0\.0\.1:\d+)$/);
    const [, token] = await first.line(/token {2}([0-9a-f]{48}) /);
    await first.line(/try/);
    const get = (path: string, sent?: string) =>
      fetch(`${url}${path}`, sent === undefined ? {} : { headers: { Authorization: `Bearer ${sent}` } });
    assert.equal((await get("/v1/health")).status, 200);
    assert.equal((await get("/v1/jobs")).status, 401);
    const wrong = await get("/v1/jobs", "0".repeat(48));
    assert.equal(wrong.status, 401);
    assert.match(((await wrong.json()) as { message: string }).message, /not this server's/);
    assert.deepEqual(await (await get("/v1/jobs", token)).json(), { jobs: [] });
    const tokenFile = join(place.path, ".millrace", "token");
    assert.equal(statSync(tokenFile).mode & 0o777, 0o600);
    assert.equal(readFileSync(tokenFile, "utf8").trim(), token);
    const ended = await first.stop("SIGTERM");
    assert.deepEqual([ended.code, ended.err], [0, ""]);
    const second = place.start("dev", "--port", "0");
    assert.equal((await second.line(/token {2}([0-9a-f]{48}) /))[1], token);
  }));

test("a second process on the same store is refused and told who has it", () =>
  withWorkplace(async (place) => {
    write(place, "in.ndjson", lines(10));
    write(place, "job.json", spec("in.ndjson", "out"));
    const first = place.start("dev", "--port", "0");
    await first.line(/try/);
    const holder = `in use by the node process ${first.child.pid} since `;
    const [second, json] = await Promise.all([place.run("run", "job.json"), place.run("dev", "--port", "0", "--json")]);
    refused(second, 3, "[store_in_use]", "store.db", holder, "choose another directory");
    assert.equal(json.code, 3);
    assert.equal((JSON.parse(json.out) as { code: string }).code, "store_in_use");
  }));

test("a port that is taken is refused with the port and what to do", () =>
  withWorkplace(async (place) => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const { port } = taken.address() as { port: number };
    try {
      const message = `port ${port} of 127.0.0.1 is taken by another program; stop it, or choose another port with --port`;
      refused(await place.run("dev", "--port", String(port)), 3, `error [port_taken] 127.0.0.1:${port}: ${message}`);
    } finally {
      taken.close();
    }
    refused(
      await place.run("dev", "--host", "192.0.2.1"),
      3,
      "[host_not_available] 192.0.2.1:8081",
      "not an address of this machine",
    );
  }));

test("a directory that cannot hold a store, and a token file that holds none, are told", () =>
  withWorkplace(async (place) => {
    write(place, "occupied", "a file");
    mkdirSync(join(place.path, "foreign"));
    write(place, "foreign/store.db", "this is no database, though it is long enough to look like one".repeat(20));
    mkdirSync(join(place.path, "token"));
    write(place, "token/token", "not a token!\n");
    const dev = (directory: string) => place.run("dev", "--port", "0", "--directory", directory);
    const [occupied, foreign, token] = await Promise.all([dev("occupied"), dev("foreign"), dev("token")]);
    refused(occupied, 3, "[store_unavailable]", "occupied");
    refused(foreign, 3, "[store_corrupt]", "store.db", "is not a Millrace store");
    refused(token, 3, "[token_invalid]", "token/token", "delete it to get a new one");
  }));
