// A pod of a manifest as a process here: its command, environment, ports, probes and signals are the manifest's, its
// network is a loopback address of its own.

import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { rootPath } from "../../tools/process.ts";
import { LineProcess } from "./cli.ts";
import { environmentOf, expanded, type KubernetesObject, type Probe } from "./manifests.ts";

export type Sources = Readonly<Record<string, Readonly<Record<string, string>>>>;
type Template = NonNullable<NonNullable<KubernetesObject["spec"]>["template"]>;

let pods = 0;
/** The same for all pods of this process, another one for each process that runs tests. */
const network = `127.${20 + (process.pid % 200)}.${(process.pid >> 8) % 256}`;

export class Pod {
  readonly address: string;
  readonly graceSeconds: number;
  readonly #container: Template["spec"]["containers"][number];
  readonly #process: LineProcess;

  /** @param entrypoint of the image. */
  constructor(template: Template, entrypoint: readonly string[], sources: Sources, root: string) {
    const [container, ...more] = template.spec.containers;
    if (container === undefined || more.length > 0) throw new Error("a pod has one container");
    const number = ++pods;
    this.#container = container;
    this.graceSeconds = template.spec.terminationGracePeriodSeconds;
    this.address = `${network}.${number}`;
    const directory = join(root, `pod-${number}`);
    mkdirSync(directory, { recursive: true });
    const environment = environmentOf(container, sources, { "status.podIP": this.address });
    const [mount] = container.volumeMounts;
    if (!template.spec.volumes.some(({ name }) => name === mount?.name))
      throw new Error("what is mounted is no volume");
    const args = container.args.map((word) =>
      expanded(word, environment)
        .replace("0.0.0.0", this.address)
        .replace(mount?.mountPath ?? "", directory),
    );
    const [, ...script] = entrypoint;
    this.#process = new LineProcess({
      command: [process.execPath, ...script, ...args],
      directory: rootPath,
      environment: { PATH: process.env["PATH"], NO_COLOR: "1", ...environment },
    });
  }

  get running(): boolean {
    const { exitCode, signalCode } = this.#process.child;
    return exitCode === null && signalCode === null;
  }
  url(port: string): string {
    const found = this.#container.ports.find(({ name }) => name === port);
    if (found === undefined) throw new Error(`the container has no port ${port}`);
    return `http://${this.address}:${found.containerPort}`;
  }
  line(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#process.line(pattern);
  }

  /** Started, live, ready: each probe asked as often as the kubelet would; fails where it would start it anew. */
  async ready(): Promise<void> {
    const { startupProbe, livenessProbe, readinessProbe } = this.#container;
    await this.#until(startupProbe, startupProbe.failureThreshold);
    if (!(await this.#ask(livenessProbe))) throw new Error("the pod is started and not live");
    await this.#until(readinessProbe, 60);
  }

  async isReady(): Promise<boolean> {
    return await this.#ask(this.#container.readinessProbe);
  }

  async #until(probe: Probe, triesMax: number): Promise<void> {
    for (let tries = 0; tries < triesMax; tries++) {
      if (await this.#ask(probe)) return;
      if (!this.running) break;
      await new Promise((resolve) => setTimeout(resolve, probe.periodSeconds * 500));
    }
    const { out, err } = await this.#process.stop("SIGKILL");
    throw new Error(`${probe.httpGet.path} of ${this.#container.name} is not answered with 200:\n${out}\n${err}`);
  }

  async #ask({ httpGet }: Probe): Promise<boolean> {
    const answer = await fetch(`${this.url(httpGet.port)}${httpGet.path}`, {
      signal: AbortSignal.timeout(5_000),
    }).catch(() => undefined);
    await answer?.body?.cancel();
    return answer?.ok === true;
  }

  /** As the kubelet ends it; its exit status, which is none where the grace was over first. */
  async end(): Promise<{ readonly code: number | null; readonly out: string; readonly err: string }> {
    const [program = "", ...args] = this.#container.lifecycle.preStop.exec.command;
    await promisify(execFile)(program, args);
    this.#process.child.kill("SIGTERM");
    const late = setTimeout(() => this.kill(), this.graceSeconds * 1000);
    const ended = await this.#process.ended;
    clearTimeout(late);
    return ended;
  }

  kill(): void {
    this.#process.child.kill("SIGKILL");
  }
}
