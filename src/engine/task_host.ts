// Where tasks run. A deployment chooses: in the engine's own event loop, or in threads.

import { asMillraceError } from "../base/errors.ts";
import type { TaskHandle } from "../coordinator/job_runner.ts";
import type { JobPlan } from "../graph/plan.ts";
import { ProcessFunctions } from "../job/define_process.ts";
import type { JobSpec } from "../job/job_spec.ts";
import type { Platform } from "../platform/platform.ts";
import type { Deployment, FromTask } from "../protocol/messages.ts";
import { LocalChannels } from "../task/exchange/local_channels.ts";
import { Task, type TaskOptions, type TaskProgress } from "../task/task.ts";
import { type ConnectorFactory, connectorsOf } from "./connector_factory.ts";

export interface TaskRequest {
  /** What the plan was made from: a plan does not travel, a spec does. */
  readonly spec: JobSpec;
  readonly plan: JobPlan;
  readonly deployment: Deployment;
  readonly outbox: (message: FromTask) => void;
}

export interface HostedTask extends TaskHandle {
  progress(): TaskProgress | undefined;
}

export interface TaskHost {
  /** Never throws: a task that cannot be made reports `failed`, after this call has returned. */
  deploy(request: TaskRequest): HostedTask;
}

/** Tasks in the event loop of their engine. */
export class InlineTasks implements TaskHost {
  readonly #platform: Platform;
  readonly #connectors: ConnectorFactory;
  readonly #options: TaskOptions;
  readonly #functions: ProcessFunctions;
  /** One engine runs a job once, so the channels of all jobs can share a hub: generations keep restarts apart. */
  readonly #hubs = new Map<string, LocalChannels>();

  constructor(
    platform: Platform,
    connectors: ConnectorFactory,
    options: TaskOptions,
    functions: ProcessFunctions = new ProcessFunctions(),
  ) {
    this.#functions = functions;
    this.#platform = platform;
    this.#connectors = connectors;
    this.#options = options;
  }

  deploy({ plan, deployment, outbox }: TaskRequest): HostedTask {
    try {
      const task = new Task({
        platform: this.#platform,
        plan,
        deployment,
        connectors: connectorsOf(this.#connectors, plan, deployment.task.chain),
        functions: this.#functions,
        hub: this.#hubOf(deployment.jobId),
        options: this.#options,
        outbox,
      });
      return task;
    } catch (thrown) {
      return stillborn(deployment, asMillraceError(thrown, `job ${deployment.jobId}`), outbox);
    }
  }

  #hubOf(jobId: string): LocalChannels {
    let hub = this.#hubs.get(jobId);
    if (hub === undefined) {
      hub = new LocalChannels();
      this.#hubs.set(jobId, hub);
    }
    return hub;
  }
}

/** Stands for a task that could not be made. */
export function stillborn(
  { generation, task }: Deployment,
  error: ReturnType<typeof asMillraceError>,
  outbox: (message: FromTask) => void,
): HostedTask {
  // Not before the runner has the handle that the call returns.
  void Promise.resolve().then(() => outbox({ kind: "failed", generation, task, error }));
  return { deliver: () => undefined, destroy: () => Promise.resolve(), progress: () => undefined };
}
