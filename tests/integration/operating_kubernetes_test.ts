// docs/operating/kubernetes as processes here: pods with the manifests' own commands, environment, probes, grace and
// signals, on a real libSQL server and a real S3-compatible one.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { silentLog } from "../../adapters/local/log_sink.ts";
import { LibsqlServerDatabase } from "../../adapters/local/libsql_server.ts";
import { DeploymentClient } from "../support/deployment_client.ts";
import { type Container, type KubernetesObject, readContainerfile, readKubernetes } from "../support/manifests.ts";
import { Pod, type Sources } from "../support/pod.ts";
import { startS3 } from "../support/s3_server.ts";
import { sharedDifferences, sharedJob, sharedSpec } from "../support/shared_job.ts";
import { startSqld } from "../support/sqld.ts";

const objects = readKubernetes();
const image = readContainerfile().at(-1);

function object(kind: string, name: string): KubernetesObject {
  const found = objects.filter((one) => one.kind === kind && one.metadata.name === name);
  assert.equal(found.length, 1, `${kind} ${name}`);
  return found[0] as KubernetesObject;
}

const templateOf = (name: string) => {
  const template = object("Deployment", name).spec?.template;
  assert.ok(template);
  return template;
};
const containerOf = (name: string): Container => templateOf(name).spec.containers[0] as Container;
const optionOf = ({ args }: Container, option: string): string =>
  args.find((word) => word.startsWith(`--${option}=`))?.slice(option.length + 3) ?? "";

test("the manifests agree with one another: labels, ports, budgets, and graces that fit into what the kubelet gives", () => {
  for (const name of ["millrace-coordinator", "millrace-worker"]) {
    const { selector, template, replicas } = object("Deployment", name).spec ?? {};
    assert.deepEqual(selector, { matchLabels: template?.metadata.labels });
    const budget = object("PodDisruptionBudget", name).spec;
    assert.deepEqual(budget?.selector, selector, "the budget is for the same pods");
    assert.ok((budget?.minAvailable ?? 0) < (replicas ?? 1), "a node can be drained");
    const container = containerOf(name);
    const declared = container.ports.map(({ containerPort }) => containerPort);
    for (const option of ["port", "cluster-port", "health-port"]) {
      const port = optionOf(container, option);
      assert.ok(port === "" || declared.includes(Number(port)), `--${option}`);
    }
    assert.deepEqual(
      declared.filter((port) => image?.ports.includes(port) !== true),
      [],
      "the image exposes them",
    );
    const preStopMs = Number(container.lifecycle.preStop.exec.command[1]) * 1000;
    const graceMs = (template?.spec.terminationGracePeriodSeconds ?? 0) * 1000;
    assert.ok(Number(optionOf(container, "grace-ms")) + preStopMs < graceMs, "it ends before it is killed");
  }
  const service = object("Service", "millrace").spec;
  assert.deepEqual(service?.selector, templateOf("millrace-coordinator").metadata.labels);
  const [port] = service?.ports ?? [];
  const rest = containerOf("millrace-coordinator").ports.find(({ name }) => name === port?.targetPort);
  assert.equal(rest?.containerPort, port?.port);
  assert.equal(optionOf(containerOf("millrace-coordinator"), "on-term"), "savepoint");
});

/** What the cluster would hold together: the deployments' pods, and the Service before the coordinators. */
class Cluster extends DeploymentClient {
  readonly coordinators: Pod[] = [];
  readonly workers: Pod[] = [];
  readonly #sources: Sources;
  readonly #root: string;

  constructor(sources: Sources, root: string) {
    super([], sources["Secret/millrace"]?.["rest-token"]);
    this.#sources = sources;
    this.#root = root;
  }

  async scale(name: "millrace-coordinator" | "millrace-worker", replicas: number): Promise<void> {
    const pods = name === "millrace-worker" ? this.workers : this.coordinators;
    const before = pods.length;
    while (pods.length < replicas) {
      pods.push(new Pod(templateOf(name), image?.entrypoint ?? [], this.#sources, this.#root));
    }
    const ended = await Promise.all(pods.splice(replicas).map((pod) => pod.end()));
    for (const { code, err } of ended) assert.equal(code, 0, err);
    await Promise.all(pods.slice(before).map((pod) => pod.ready()));
    this.urls = this.coordinators.map((pod) => pod.url("rest"));
  }

  /** All at once, as the deletion of the namespace or of what was applied. What the coordinators have said. */
  async remove(): Promise<string> {
    const pods = [...this.coordinators.splice(0), ...this.workers.splice(0)];
    const ended = await Promise.all(pods.map((pod) => pod.end()));
    for (const { code, out, err } of ended) assert.equal(code, 0, `${out}\n${err}`);
    return ended.map(({ out }) => out).join("");
  }

  kill(): void {
    for (const pod of [...this.coordinators, ...this.workers]) pod.kill();
  }
}

const replicasOf = (name: string): number => object("Deployment", name).spec?.replicas ?? 0;

test("applied, scaled down, deleted and applied again, a job follows the workers, goes on, and its rows are exact", async () => {
  const root = mkdtempSync(join(tmpdir(), "millrace-kubernetes-"));
  const [server, bucket] = await Promise.all([startSqld({ directory: join(root, "sqld") }), startS3()]);
  const blobs = await bucket.bucket();
  const secret = { "cluster-secret": "c".repeat(64), "rest-token": "r".repeat(64) };
  const keys = { "blobs-key": "testing", "blobs-secret": "testing" };
  const map = { ...object("ConfigMap", "millrace").data, MILLRACE_STORE: server.url, MILLRACE_BLOBS: blobs.url };
  const cluster = new Cluster({ "ConfigMap/millrace": map, "Secret/millrace": { ...secret, ...keys } }, root);
  const apply = async (): Promise<void> => {
    await Promise.all([
      cluster.scale("millrace-coordinator", replicasOf("millrace-coordinator")),
      cluster.scale("millrace-worker", replicasOf("millrace-worker")),
    ]);
  };
  try {
    await apply();
    const job = { ...sharedJob, rows: 45_000, checkpointMs: 250 };
    const id = await cluster.submit(sharedSpec(job));
    await cluster.runsAt(id, 2); // it was submitted with one task
    await cluster.checkpoints(id, 2);
    await cluster.scale("millrace-worker", 1);
    await cluster.runsAt(id, 1);
    assert.equal(await cluster.restarts(id), 0, "nothing was lost that had to be started again");
    const said = await cluster.remove();
    const [, savepoint, at] = /"suspended".*"savepoint":"(\w+)","at":"([^"]+)"/.exec(said) ?? [];
    assert.ok(at?.startsWith("s3://") && at.endsWith(`/savepoint/${savepoint}`), said);
    await apply();
    assert.equal((await cluster.call("GET", `/v1/savepoints/${savepoint}`))["status"], "COMPLETED");
    assert.equal(await cluster.ended(id), "FINISHED");
    assert.equal(await cluster.restarts(id), 0);
    const database = await LibsqlServerDatabase.open({ url: server.url, log: silentLog });
    assert.deepEqual(await sharedDifferences(database, job), []);
    await database.close();
  } finally {
    cluster.kill();
    await Promise.all([server.kill(), bucket.kill()]);
    rmSync(root, { recursive: true, force: true });
  }
});
