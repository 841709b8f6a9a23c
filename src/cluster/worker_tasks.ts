// The tasks that a worker runs in its event loop, and what it says of them.

import { asMillraceError, externalError, type MillraceError } from "../base/errors.ts";
import { asGeneration } from "../base/ids.ts";
import { connectorsOf } from "../engine/connector_factory.ts";
import { stillborn } from "../engine/task_host.ts";
import type { JobPlan } from "../graph/plan.ts";
import { planJob } from "../graph/plan_job.ts";
import type { JobSpec } from "../job/job_spec.ts";
import type { LogSink } from "../platform/ports.ts";
import { type FromTask, taskKey, type ToTask } from "../protocol/messages.ts";
import { LocalChannels } from "../task/exchange/local_channels.ts";
import { Task } from "../task/task.ts";
import { ClusterHub, type PeerOf } from "./channels.ts";
import type { DataPlane } from "./data_plane.ts";
import { type FromLeader, type FromWorker, nameKey, plainProgress, runOf, type TaskName } from "./messages.ts";
import { plainMessage } from "./plain_messages.ts";
import type { WorkerGround } from "./worker.ts";

type Deploy = Extract<FromLeader, { kind: "deploy" }>;
type Running = Pick<Task, "deliver" | "destroy"> & { progress(): ReturnType<Task["progress"]> | undefined };

export interface WorkerTasksOptions {
  readonly log: LogSink;
  readonly data: DataPlane;
  readonly ground: () => Promise<WorkerGround>;
  readonly send: (message: FromWorker) => void;
}

interface Hosted {
  readonly name: TaskName;
  readonly task: Promise<Running>;
  running: Running | undefined;
  ending: Promise<void> | undefined;
}

/** All of one run. */
interface Run {
  readonly plan: JobPlan;
  readonly local: LocalChannels;
}

export class WorkerTasks {
  readonly #options: WorkerTasksOptions;
  readonly #hosted = new Map<string, Hosted>();
  readonly #runs = new Map<string, Run>();

  constructor(options: WorkerTasksOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#hosted.size;
  }

  deploy(message: Deploy): void {
    const { jobId, generation, task } = message.deployment;
    const name: TaskName = { jobId, generation, task };
    const hosted: Hosted = { name, task: this.#make(message, name), running: undefined, ending: undefined };
    void hosted.task.then((running) => {
      hosted.running = running;
    });
    this.#hosted.set(nameKey(name), hosted);
  }

  async #make(message: Deploy, name: TaskName): Promise<Running> {
    const { deployment, options, elsewhere } = message;
    const outbox = (one: FromTask): void => this.#say(name, one);
    try {
      const { platform, connectors, functions } = await this.#options.ground();
      const { plan, local } = this.#runOf(message, name);
      const peerOf: PeerOf = (address, end) => {
        const edge = plan.edges[address.edge];
        const chain = (end === "from" ? edge?.from.chain : edge?.to.chain) ?? 0;
        const at = elsewhere[taskKey({ chain, subtask: address[end] })];
        return at === undefined ? undefined : this.#options.data.peer(at);
      };
      const hub = new ClusterHub(runOf(name), local, peerOf);
      const own = connectorsOf(connectors, plan, deployment.task.chain);
      return new Task({ platform, plan, deployment, connectors: own, functions, hub, options, outbox });
    } catch (thrown) {
      return stillborn(deployment, asMillraceError(thrown, `job ${deployment.jobId}`), outbox);
    }
  }

  #runOf({ spec }: Deploy, name: TaskName): Run {
    const key = runOf(name);
    const known = this.#runs.get(key);
    if (known !== undefined) return known;
    const run: Run = { plan: planJob(JSON.parse(spec) as JobSpec), local: new LocalChannels() };
    this.#runs.set(key, run);
    return run;
  }

  /** Whoever hears that something is done finds its counts: the message may end the job. */
  #say(of: TaskName, message: FromTask): void {
    if (message.kind === "failed") this.#logFailure(of, message.error);
    const progress = this.#hosted.get(nameKey(of))?.running?.progress();
    if (progress !== undefined) this.#options.send({ kind: "progress", of, progress: plainProgress(progress) });
    this.#options.send({ kind: "task", of, message: plainMessage(message) });
  }

  /** The leader that would tell of it may be none any more. */
  #logFailure({ jobId: job, generation, task }: TaskName, { code, where, message }: MillraceError): void {
    const facts = { job, generation, task: taskKey(task), code, where };
    this.#options.log.write("warning", `a task has failed: ${message}`, facts);
  }

  deliver(of: TaskName, message: ToTask): void {
    void this.#hosted.get(nameKey(of))?.task.then((task) => task.deliver(message));
  }

  destroy(of: TaskName): void {
    const hosted = this.#hosted.get(nameKey(of));
    if (hosted === undefined) this.#options.send({ kind: "destroyed", of, progress: undefined });
    else void this.#end(hosted);
  }

  async destroyAll(): Promise<void> {
    await Promise.all([...this.#hosted.values()].map((one) => this.#end(one)));
  }

  #end(hosted: Hosted): Promise<void> {
    hosted.ending ??= this.#destroyed(hosted);
    return hosted.ending;
  }

  async #destroyed({ name, task }: Hosted): Promise<void> {
    const running = await task;
    await running.destroy();
    this.#hosted.delete(nameKey(name));
    const run = runOf(name);
    if (![...this.#hosted.values()].some((one) => runOf(one.name) === run)) {
      this.#runs.delete(run);
      this.#options.data.forget(run);
    }
    const progress = running.progress();
    this.#options.send({
      kind: "destroyed",
      of: name,
      progress: progress === undefined ? undefined : plainProgress(progress),
    });
  }

  tellProgress(): void {
    for (const { name, running, ending } of this.#hosted.values()) {
      const progress = ending === undefined ? running?.progress() : undefined;
      if (progress !== undefined) this.#options.send({ kind: "progress", of: name, progress: plainProgress(progress) });
    }
  }

  /** Rows may be missing from here on: the tasks of these runs cannot go on. */
  peerLost(runs: readonly string[], peer: string, why: string): void {
    for (const { name, ending } of this.#hosted.values()) {
      if (ending !== undefined || !runs.includes(runOf(name))) continue;
      const where = `job ${name.jobId}, task ${taskKey(name.task)}`;
      const error = externalError(
        "peer_lost",
        where,
        `worker ${peer}, which the task exchanges rows with, is lost: ${why}`,
      );
      this.#say(name, { kind: "failed", generation: asGeneration(name.generation), task: name.task, error });
    }
  }
}
