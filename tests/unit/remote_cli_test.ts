// The commands that ask a server, as processes, against `millrace dev` as another one: what they print, what they exit
// with, and that a job goes on from what they have moved.

import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { endlessJob } from "../support/endless_job.ts";
import { type Ended, type Workplace, withWorkplace } from "../support/cli.ts";

async function withServer(work: (place: Workplace, url: string) => Promise<void>): Promise<void> {
  await withWorkplace(async (place) => {
    const write = (name: string, spec: object): void => writeFileSync(join(place.path, name), JSON.stringify(spec));
    write("job.json", endlessJob("metering"));
    write("next.json", endlessJob("next", "next_sums"));
    write("other.json", endlessJob("other", "other_sums", "hours"));
    const dev = place.start("dev", "--port", "0", "--json");
    const [, url] = await dev.line(/"url":"([^"]+)"/);
    await work(place, url as string);
    await dev.stop();
  });
}

const done = ({ code, out, err }: Ended): string => {
  assert.equal(code, 0, `${out}\n${err}`);
  return out;
};

test("a job is submitted, looked at, saved, checked, stopped and started again by commands alone", () =>
  withServer(async (place, url) => {
    const ask = (...args: readonly string[]) => place.run(...args, "--server", url);
    assert.match(done(await ask("list")), /^no jobs at work/);
    const jobid = JSON.parse(done(await ask("submit", "job.json", "--json"))).jobid as string;
    assert.match(done(await ask("list")), new RegExp(`${jobid} +metering +(CREATED|INITIALIZING|RUNNING) `));
    const taken = JSON.parse(done(await ask("savepoint", "take", "metering", "--name", "golden", "--json")));
    assert.deepEqual([taken.status, taken.name, taken.jobid], ["COMPLETED", "golden", jobid]);
    const { savepoint } = taken as { savepoint: string };
    const shown = done(await ask("show", jobid.slice(0, 8)));
    assert.match(shown, /^job {7}metering \([0-9a-f]{32}\)\nstate {5}RUNNING, .*\nrows {6}[\d,]+ read/);
    assert.match(
      done(await ask("savepoint", "list", "metering")),
      new RegExp(`${savepoint} +metering .* golden +store`),
    );
    const inspected = done(await ask("savepoint", "inspect", savepoint));
    assert.match(inspected, /\nminutes +windows +\d+ +[\d,]+ +key_group i64, window_start timestamp, key:account utf8/);

    const fits = done(await ask("check", "next.json", "--savepoint", savepoint));
    assert.match(fits, /minutes +windows +restored\nthe job can start from it\n$/);
    const unfit = await ask("check", "other.json", "--savepoint", savepoint);
    assert.deepEqual([unfit.code, unfit.out.split("\n").at(-2)], [1, "the job cannot start from it"], unfit.err);
    assert.match(
      done(await ask("check", "other.json", "--savepoint", savepoint, "--allow-non-restored-state")),
      /dropped/,
    );

    assert.match(done(await ask("savepoint", "download", savepoint, "state.bin")), /^state\.bin: [\d,]+ bytes\n$/);
    const exported = done(await ask("savepoint", "export", savepoint, "--sqlite", "state.db"));
    assert.match(exported, /^state\.db: 1 states, [\d,]+ rows\n$/);
    const database = new DatabaseSync(join(place.path, "state.db"), { readOnly: true });
    const [counted] = database.prepare('SELECT count(*) AS rows, sum(rows) AS events FROM "minutes.windows"').all();
    const [stated] = database.prepare("SELECT rows FROM states WHERE operator = 'minutes'").all();
    assert.equal(counted?.["rows"], stated?.["rows"]);
    assert.ok(Number(counted?.["events"]) > 0, "the counts of the windows");
    database.close();
    assert.equal(done(await ask("savepoint", "diff", savepoint, "state.bin")), "they hold the same\n");
    const again = await ask("savepoint", "download", savepoint, "state.bin");
    assert.deepEqual([again.code, existsSync(join(place.path, "state.bin"))], [2, true], "nothing is overwritten");
    const stopped = done(await ask("stop", "metering"));
    assert.match(stopped, /^savepoint [0-9a-f]{32}: the job is stopped with it \([\d,]+ bytes\)\n$/);
    assert.match(done(await ask("list", "--all")), /metering +FINISHED/);

    const next = JSON.parse(done(await ask("submit", "next.json", "--savepoint", "state.bin", "--json")));
    const rows = JSON.parse(done(await ask("show", next.jobid, "--json"))).millrace.counters.rowsIn as number;
    assert.ok(rows > 0, "it goes on with what was read before");
    assert.match(done(await ask("cancel", next.jobid)), /is being canceled/);
    assert.match(done(await ask("savepoint", "delete", savepoint)), /is deleted/);
    const gone = await ask("savepoint", "inspect", savepoint);
    assert.deepEqual([gone.code, gone.err.startsWith("error [savepoint_unknown]")], [2, true], gone.err);
    const { savepoints } = JSON.parse(done(await ask("savepoint", "list", "metering", "--json")));
    const later = savepoints.find((one: { readonly kind: string }) => one.kind === "stop").savepoint as string;
    const differ = await ask("savepoint", "diff", "state.bin", later);
    assert.equal(differ.code, 1, differ.err);
    assert.match(differ.out, /minutes +windows .*\n- minutes\.windows \{"key_group":\d+,[\s\S]*\n\+ minutes\.windows /);
    assert.match(differ.out, /events +\S+ +\{?.*\d+/);
    const uploaded = JSON.parse(done(await ask("savepoint", "upload", "state.bin", "--json")));
    assert.deepEqual(
      [uploaded.kind, uploaded.bytes],
      ["upload", readFileSync(join(place.path, "state.bin")).byteLength],
    );
    const labelled = JSON.parse(
      done(await ask("savepoint", "label", uploaded.savepoint, "--notes", "by hand", "--json")),
    );
    assert.equal(labelled.notes, "by hand");
  }));

test("what cannot be asked is told with what would be right", () =>
  withServer(async (place, url) => {
    const refusal = async (code: number, text: string, ...args: readonly string[]): Promise<void> => {
      const ended = await place.run(...args);
      assert.equal(ended.code, code, ended.err);
      assert.ok(ended.err.includes(text), `${text} in ${ended.err}`);
    };
    await Promise.all([
      refusal(2, 'error [job_unknown] job nobody: there is no job "nobody"', "show", "nobody", "--server", url),
      refusal(3, "error [server_unreachable] http://127.0.0.1:9", "list", "--server", "http://127.0.0.1:9"),
      refusal(2, "error [server_invalid] --server: here is no address", "list", "--server", "here"),
      refusal(3, "error [secret_missing] --token: no token", "list", "--server", url, "--directory", "nowhere"),
      refusal(2, "error [unauthorized]", "list", "--server", url, "--token", "file:job.json"),
      refusal(2, "error [archive_unavailable]", "savepoint", "label", "ab", "--archive", "--server", url),
      refusal(2, "nothing is said", "savepoint", "label", "ab", "--server", url),
      refusal(2, "required option '--savepoint", "check", "job.json", "--server", url),
    ]);
    await place.run("submit", "job.json", "--server", url);
    await place.run("submit", "job.json", "--server", url);
    await refusal(
      2,
      "error [job_ambiguous] job metering: several jobs are called so",
      "cancel",
      "metering",
      "--server",
      url,
    );
  }));
