// The units of docs/operating/systemd and the image of its Containerfile as processes here: they start what they say,
// are killed and stopped as their makers would, and a job goes on each time.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { silentLog } from "../../adapters/local/log_sink.ts";
import { openLocalPlatform } from "../../adapters/local/platform.ts";
import { rootPath } from "../../tools/process.ts";
import { LineProcess } from "../support/cli.ts";
import { DeploymentClient } from "../support/deployment_client.ts";
import { readContainerfile, type Stage, Unit } from "../support/manifests.ts";
import { Service } from "../support/service.ts";
import { sharedDifferences, sharedJob, sharedSpec } from "../support/shared_job.ts";
import { freePort, startSqld } from "../support/sqld.ts";

const exists = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false; // there is no such process
  }
};

/** Processes that a run of `up` has started so far. */
const started = (out: string): number[] => [...out.matchAll(/ is process (\d+)$/gm)].map((match) => Number(match[1]));

test("one host: `up` is killed and its processes end with it; stopped, it says where savepoints are; each start goes on", async () => {
  const root = mkdtempSync(join(tmpdir(), "millrace-systemd-"));
  const port = await freePort();
  const client = new DeploymentClient([`http://127.0.0.1:${port}`]);
  const job = { ...sharedJob, rows: 24_000, checkpointMs: 250 };
  const services: Service[] = [];
  const start = async (): Promise<Service> => {
    const service = new Service({ unit: "millrace.service", root, more: ["--port", String(port)] });
    services.push(service);
    client.token = (await service.line(/token {2}(\S+)/))[1] ?? "";
    await service.line(/"leads"/);
    await service.line(/worker 2: .*"working"/);
    return service;
  };
  try {
    const first = await start();
    const id = await client.submit({ ...sharedSpec(job), parallelism: 2 });
    await client.checkpoints(id, 2);
    const { out } = await first.signal("SIGKILL");
    const orphans = started(out);
    assert.equal(orphans.length, 3);
    await client.until("its processes are gone", async () => !orphans.some(exists));

    const second = await start();
    await client.checkpoints(id, 2);
    const { code, out: said, err } = await second.stopped();
    assert.equal(code, 0, err);
    const [, savepoint] = /^job crash-generator is suspended.*; savepoint (\w+) is in the store/m.exec(said) ?? [];
    assert.ok(savepoint, said);
    assert.deepEqual(started(said).filter(exists), []);

    const third = await start();
    assert.equal((await client.call("GET", `/v1/savepoints/${savepoint}`))["status"], "COMPLETED");
    assert.equal(await client.ended(id), "FINISHED");
    assert.equal((await third.stopped()).code, 0);
    const directory = join(root, "millrace");
    const platform = await openLocalPlatform({
      ...{ directory, fileRoots: [], log: silentLog, console: { print: () => undefined } },
    });
    assert.deepEqual(await sharedDifferences(platform.database, job), []);
    await platform.close();
  } finally {
    for (const one of services) await one.stop("SIGKILL");
    rmSync(root, { recursive: true, force: true });
  }
});

test("the units give each process more time to end than it takes by itself", () => {
  for (const [name, graces] of [
    ["millrace.service", 2],
    ["millrace-coordinator.service", 1],
    ["millrace-worker@.service", 1],
  ] as const) {
    const unit = new Unit(name);
    const graceMs = Number(/--grace-ms (\d+)/.exec(unit.one("Service.ExecStart"))?.[1]);
    assert.ok(Number(unit.one("Service.TimeoutStopSec")) * 1000 > graces * graceMs, name);
    assert.equal(unit.one("Service.Restart"), "on-failure");
  }
});

test("several hosts: a coordinator and two workers of their units; one worker ends in order, then all do", async () => {
  const root = mkdtempSync(join(tmpdir(), "millrace-hosts-"));
  const server = await startSqld({ directory: join(root, "sqld") });
  const host = `127.${20 + (process.pid % 200)}.255.1`;
  const environment = {
    MILLRACE_STORE: server.url,
    MILLRACE_BLOBS: pathToFileURL(join(root, "blobs")).href,
    MILLRACE_ADDRESS: host,
    MILLRACE_TOKEN: "t".repeat(32),
  };
  const made = (unit: string, instance: string, more: readonly string[] = []): Service =>
    new Service({ unit, instance, root, environment, secret: "s".repeat(32), more });
  // Health is on 127.0.0.1, where every host would have its own.
  const coordinator = made("millrace-coordinator.service", "", ["--health-host", host, "--rescale-after-ms", "500"]);
  const workers = ["1", "2"].map((instance) => made("millrace-worker@.service", instance));
  const client = new DeploymentClient([`http://${host}:8081`], environment.MILLRACE_TOKEN);
  try {
    await client.until("the coordinator is ready", async () => (await fetch(`http://${host}:8083/health/ready`)).ok);
    const job = { ...sharedJob, rows: 12_000 };
    const id = await client.submit(sharedSpec(job));
    await client.runsAt(id, 2);
    const left = await workers[0]?.stopped();
    assert.equal(left?.code, 0);
    assert.ok(left?.out.includes('{"event":"leaves","tasks":"released"}'), left?.out);
    await client.runsAt(id, 1);
    assert.equal(await client.ended(id), "FINISHED");
    assert.equal(await client.restarts(id), 0);
    const [one, other] = await Promise.all([coordinator.stopped(), workers[1]?.stopped()]);
    assert.deepEqual([one.code, other?.code], [0, 0]);
  } finally {
    for (const one of [coordinator, ...workers]) await one.stop("SIGKILL");
    await server.kill();
    rmSync(root, { recursive: true, force: true });
  }
});

/** What the last stage holds, made by the stages' own instructions; what npm installs is linked to what it has here. */
function built(stages: readonly Stage[], root: string): string {
  const stage = stages.at(-1) as Stage;
  const top = join(root, stage.workdir);
  for (const { from, sources, target } of stage.copies) {
    const origin = stages.find(({ name }) => name === from)?.workdir ?? "";
    for (const source of sources) {
      const path = join(rootPath, source.slice(origin.length));
      const many = sources.length > 1 || target.endsWith("/");
      const to = many && !statSync(path).isDirectory() ? join(top, target, source) : join(top, target);
      mkdirSync(dirname(to), { recursive: true });
      if (source.endsWith("node_modules")) symlinkSync(path, to);
      else cpSync(path, to, { recursive: true });
    }
  }
  return top;
}

test("the image has all that runs, is healthy, and ends with 0 when it is asked to", async () => {
  const root = mkdtempSync(join(tmpdir(), "millrace-image-"));
  const stages = readContainerfile();
  const [build, stage] = stages;
  assert.ok(build !== undefined && stage !== undefined);
  for (const run of build.runs) assert.ok(["npm", "node"].includes(run[0] ?? ""), run.join(" "));
  assert.ok(existsSync(join(rootPath, build.runs.find(([program]) => program === "node")?.[1] ?? "")));
  const top = built(stages, root);
  const data = join(root, "var/lib/millrace");
  mkdirSync(data, { recursive: true });
  const port = await freePort();
  const placed = (word: string): string => word.replace("/var/lib/millrace", data).replace("8081", String(port));
  const [program, ...script] = stage.entrypoint;
  assert.equal(program, "node");
  const environment = { PATH: process.env["PATH"], ...stage.environment };
  const command = [process.execPath, ...script, ...stage.command.map(placed), "--port", String(port)] as const;
  const container = new LineProcess({ command, directory: top, environment });
  try {
    await container.line(/worker 2: .*"working"/);
    const [probe = "", ...args] = stage.healthCheck.map(placed);
    execFileSync(probe, args, { cwd: top });
    const { code, err } = await container.signal(stage.stopSignal as NodeJS.Signals);
    assert.equal(code, 0, err);
  } finally {
    await container.stop("SIGKILL");
    rmSync(root, { recursive: true, force: true });
  }
});
