// Three real processes and one lease in a real libSQL server: a leader that is killed, stopped for longer than its
// lease, or asked to end is followed by another, and what it had begun changes nothing afterwards.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { rootPath } from "../../tools/process.ts";
import { waitFor } from "../support/server_process.ts";
import { type Sqld, startSqld } from "../support/sqld.ts";

const TTL_MS = 800;
const root = mkdtempSync(join(tmpdir(), "millrace-lease-"));
let server: Sqld;
const members: Member[] = [];

interface Member {
  readonly child: ChildProcess;
  readonly lines: string[];
}

function enlist(): Member {
  const program = join(rootPath, "tests/support/lease_child.ts");
  const child = spawn(process.execPath, [program, server.url, String(TTL_MS)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const member: Member = { child, lines: [] };
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) => member.lines.push(line));
  members.push(member);
  return member;
}

before(async () => {
  server = await startSqld({ directory: join(root, "sqld") });
  for (let index = 0; index < 3; index++) enlist();
});

after(async () => {
  for (const { child } of members) child.kill("SIGKILL");
  await server.kill();
  rmSync(root, { recursive: true, force: true });
});

const epochsOf = (member: Member, word: string): number[] =>
  member.lines.filter((line) => line.startsWith(`${word} `)).map((line) => Number(line.split(" ")[1]));

/** The member that led last, once it has changed something under a later epoch than `epoch`. */
const leaderAfter = (epoch: number): Promise<{ member: Member; epoch: number }> =>
  waitFor(`a leader after epoch ${epoch}`, 20_000, async () => {
    const found = members.map((member) => ({ member, epoch: Math.max(0, ...epochsOf(member, "done")) }));
    return found.filter((one) => one.epoch > epoch).sort((a, b) => b.epoch - a.epoch)[0];
  });

test("a killed leader is followed by another", async () => {
  const first = await leaderAfter(0);
  first.member.child.kill("SIGKILL");
  const next = await leaderAfter(first.epoch);
  assert.notEqual(next.member, first.member);
  enlist();
});

test("a leader that was stopped for three leases does nothing more when it goes on, and says why", async () => {
  const { member, epoch } = await leaderAfter(1);
  member.child.kill("SIGSTOP");
  const next = await leaderAfter(epoch);
  await new Promise((resolve) => setTimeout(resolve, 2 * TTL_MS));
  const before = member.lines.length;
  member.child.kill("SIGCONT");
  await waitFor("the zombie's end", 10_000, async () => epochsOf(member, "lose").includes(epoch) || undefined);
  const since = member.lines.slice(before);
  assert.ok(since.includes(`lose ${epoch} expired`), since.join("\n"));
  // An act that it had looked at the lease for before it was stopped reaches the store, which refuses it; one that
  // was on its way had been carried out before anybody else took the lease.
  const acts = since.filter((line) => /^(done|refused|failed) /.test(line) && line.includes(` ${epoch}`));
  assert.ok(acts.length <= 1 && next.epoch > epoch, since.join("\n"));
});

test("a leader that is asked to end hands over before its lease has run out", async () => {
  const { member, epoch } = await leaderAfter(2);
  const askedMs = Date.now();
  member.child.kill("SIGTERM");
  await leaderAfter(epoch);
  assert.ok(epochsOf(member, "lose").includes(epoch));
  assert.ok(Date.now() - askedMs < 5 * TTL_MS, "soon");
});

test("no epoch was led by two, and nothing was done under an epoch after a later one", () => {
  const led = members.flatMap((member) => epochsOf(member, "lead"));
  assert.equal(new Set(led).size, led.length, led.join(" "));
  for (const member of members) {
    const done = epochsOf(member, "done");
    assert.deepEqual(
      done,
      [...done].sort((a, b) => a - b),
    );
    for (const epoch of done) assert.ok(epochsOf(member, "lead").includes(epoch));
  }
});
