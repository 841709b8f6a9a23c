// Deployments of processes on different runtimes: each part is killed, connections between workers are broken, one process
// has another secret; the rows that the job commits are exact.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { silentLog } from "../../adapters/local/log_sink.ts";
import { LibsqlServerDatabase } from "../../adapters/local/libsql_server.ts";
import type { CrashJob } from "../support/crash_job.ts";
import { DeploymentClient } from "../support/deployment_client.ts";
import { FaultProxy } from "../support/fault_proxy.ts";
import { Member, type MemberOptions } from "../support/member.ts";
import type { LocalRuntime } from "../support/server_process.ts";
import { sharedDifferences, sharedJob, sharedSpec } from "../support/shared_job.ts";
import { freePort, startSqld } from "../support/sqld.ts";

const SECRET = "the-secret-of-this-deployment";

interface Place {
  readonly client: DeploymentClient;
  member(runtime: LocalRuntime, role: MemberOptions["role"], more?: readonly string[], secret?: string): Member;
  /** What the tables lack of what the job's data amount to. */
  differences(job: CrashJob): Promise<readonly string[]>;
}

/** A store that is shared, and what is started on it, gone afterwards. */
async function deployment(run: (place: Place) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "millrace-runtimes-"));
  const server = await startSqld({ directory: join(root, "sqld") });
  const shared = ["--store", server.url, "--blobs", pathToFileURL(join(root, "blobs")).href];
  const members: Member[] = [];
  const member: Place["member"] = (runtime, role, more = [], secret = SECRET) => {
    const own = role === "coordinator" ? ["--port", "0", "--lease-ms", "1000"] : [];
    const one = new Member({ runtime, role, root, secret, args: [...shared, ...own, ...more] });
    members.push(one);
    return one;
  };
  const differences: Place["differences"] = async (job) => {
    const database = await LibsqlServerDatabase.open({ url: server.url, log: silentLog });
    const found = await sharedDifferences(database, job);
    await database.close();
    return found;
  };
  try {
    await run({ client: new DeploymentClient([], SECRET), member, differences });
  } finally {
    for (const one of members) await one.stop("SIGKILL");
    await server.kill();
    rmSync(root, { recursive: true, force: true });
  }
}

const ready = (one: Member, client: DeploymentClient): Promise<true> =>
  client.until(`a ${one.runtime} is ready`, async () => (await one.health("ready")) === 200 || undefined);

test("coordinators on Node and Deno, workers on Deno and Bun: a worker and the leader are killed, and nothing is lost", () =>
  deployment(async ({ client, member, differences }) => {
    const leader = member("node", "coordinator");
    await leader.line(/"leads"/);
    const standby = member("deno", "coordinator");
    const workers = [member("deno", "worker"), member("bun", "worker")];
    const stranger = member("node", "worker", [], "another-secret-that-nobody-here-knows");
    await Promise.all([standby, ...workers].map((one) => ready(one, client)));
    client.urls = [await standby.url()]; // which passes on what only the leader can answer
    const job = { ...sharedJob, rows: 24_000, checkpointMs: 250 };
    const id = await client.submit({ ...sharedSpec(job), parallelism: 2 });
    await client.checkpoints(id, 2);
    assert.deepEqual([await stranger.health("live"), await stranger.health("ready")], [200, 503]);
    await workers[1]?.stop("SIGKILL");
    workers.push(member("bun", "worker"));
    await client.until("it goes on", async () => (await client.restarts(id)) > 0);
    await client.checkpoints(id, 4);
    await leader.stop("SIGKILL");
    await standby.line(/"leads"/);
    assert.equal(await client.ended(id), "FINISHED");
    assert.deepEqual(await differences(job), []);
    assert.equal(await stranger.health("ready"), 503, "it was never taken");
    const ended = await Promise.all([standby, workers[0], workers[2]].map((one) => one?.stop("SIGTERM")));
    assert.deepEqual(
      ended.map((one) => one?.code),
      [0, 0, 0],
    );
  }));

test("a leader on Bun; connections between workers break again and again: the same lines go on, and no task fails", () =>
  deployment(async ({ client, member, differences }) => {
    const leader = member("bun", "coordinator", ["--on-term", "savepoint", "--grace-ms", "0"]);
    await leader.line(/"leads"/);
    // Each worker is reached by the others at an address where a proxy stands before it.
    const proxies: FaultProxy[] = [];
    const workers: Member[] = [];
    for (const [index, runtime] of (["node", "deno"] as const).entries()) {
      const port = await freePort();
      const name = `127.0.0.${index + 2}`;
      proxies.push(await FaultProxy.start(port, port, name));
      workers.push(member(runtime, "worker", ["--cluster-port", String(port), "--advertise", name]));
    }
    try {
      await Promise.all(workers.map((one) => ready(one, client)));
      client.urls = [await leader.url()];
      const job = { ...sharedJob, rows: 12_000 };
      const id = await client.submit({ ...sharedSpec(job), parallelism: 2 });
      await client.checkpoints(id, 2);
      for (let round = 0; round < 8; round++) {
        for (const proxy of proxies) proxy.cut();
        await new Promise((resolve) => setTimeout(resolve, 150));
      }
      assert.ok(
        proxies.some((proxy) => proxy.connections > 4),
        `they were opened again: ${proxies.map((proxy) => proxy.connections)}`,
      );
      assert.equal(await client.ended(id), "FINISHED");
      assert.equal(await client.restarts(id), 0);
      assert.deepEqual(await differences(job), []);
      // And one that is given no time to suspend its jobs says so, with another status than 0.
      await client.checkpoints(await client.submit({ ...sharedSpec(job), name: "another" }), 1);
      const { code, out } = await leader.stop("SIGTERM");
      assert.equal(code, 1);
      assert.match(out, /"event":"not_suspended".*"name":"another","code":"grace_over"/);
    } finally {
      for (const proxy of proxies) await proxy.close();
    }
  }));
