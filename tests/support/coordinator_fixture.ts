// A job's coordinator without any I/O: the tests say what the world answers, and look at what is asked of it.

import { externalError } from "../../src/base/errors.ts";
import { asBranchId, asCheckpointId, asGeneration, asJobId, asOperatorUid } from "../../src/base/ids.ts";
import type {
  CoordinatorConfig,
  JobEffect,
  JobEvent,
  JobState,
  RestorePoint,
} from "../../src/coordinator/job_state.ts";
import type { ChainLayout, JobLayout } from "../../src/coordinator/layout.ts";
import { distribute, distributeSplits } from "../../src/coordinator/distribution.ts";
import { initialJobState, step } from "../../src/coordinator/step.ts";
import { type CheckpointCosts, type TaskAddress, taskKey, type TaskReport } from "../../src/protocol/messages.ts";
import { type PartRef, type TaskSnapshot, zeroCounters } from "../../src/protocol/snapshot.ts";

export const branch = asBranchId("b1");
export const broken = externalError("broken", "test", "it broke");

export const config: CoordinatorConfig = {
  checkpoint: { intervalMs: 100, timeoutMs: 1000, minPauseMs: 0, tolerableFailures: null, retained: 2 },
  restart: { strategy: "fixed_delay", attempts: 2, delayMs: 10 },
};

export const noCosts: CheckpointCosts = { alignMs: 0, gatherMs: 0, uploadMs: 0, deltaBytes: 0, deltaRows: 0 };

interface ChainFacts {
  readonly parallelism: number;
  readonly region: number;
  readonly sources?: readonly string[];
  readonly operators?: readonly string[];
  readonly sinks?: readonly string[];
}

export function layout(...chains: readonly ChainFacts[]): JobLayout {
  const uids = (names: readonly string[] | undefined) => (names ?? []).map(asOperatorUid);
  return {
    maxParallelism: 8,
    chains: chains.map(
      ({ parallelism, region, sources, operators, sinks }, id): ChainLayout => ({
        id,
        parallelism,
        region,
        sources: uids(sources),
        operators: uids(operators),
        sinks: uids(sinks),
      }),
    ),
  };
}

/** One task. */
export const single = layout({ parallelism: 1, region: 0, sources: ["s"], operators: ["w"], sinks: ["out"] });

/** Region 0: two readers, two keyed tasks behind them. Region 1: one task that has nothing to do with them. */
export const regions = layout(
  { parallelism: 2, region: 0, sources: ["s"] },
  { parallelism: 2, region: 0, operators: ["w"], sinks: ["out"] },
  { parallelism: 1, region: 1, sources: ["t"], sinks: ["other"] },
);

export const at = (key: string): TaskAddress => {
  const [chain, subtask] = key.split(".").map(Number);
  return { chain: chain as number, subtask: subtask as number };
};

/** What the task `key` hands over; a number as `tag` makes it another than before. */
export function snapshot(key: string, tag: string, inputEnded = false): TaskSnapshot {
  const part: PartRef = { name: `${key}/${tag}`, byteLength: 1, sha256: "", rowCount: 1, expiresAt: null };
  const state = { uid: asOperatorUid("w"), state: "windows", parts: [part], scalars: null };
  const has = key.startsWith("1.") ? [state] : [];
  return {
    ...at(key),
    states: has,
    sources: [],
    pending: [],
    inputEnded,
    counters: { ...zeroCounters, rowsIn: Number(tag) },
  };
}

/** Drives one job, and remembers the effects of the last event. */
export class Driver {
  state: JobState;
  effects: readonly JobEffect[] = [];
  nowMs = 0;
  readonly #layout: JobLayout;

  constructor(of: JobLayout = single, more: Partial<CoordinatorConfig["checkpoint"]> = {}, restart = config.restart) {
    this.#layout = of;
    const checkpoint = { ...config.checkpoint, ...more };
    this.state = initialJobState(asJobId("j"), branch, of, { checkpoint, restart });
  }

  get keys(): string[] {
    return this.state.tasks.map((task) => task.place.key);
  }
  on(...events: JobEvent[]): this {
    for (const event of events) [this.state, this.effects] = step(this.state, event, this.nowMs);
    return this;
  }
  /** A word of a task, under the generation that it was deployed with unless another is given. */
  task(key: string, report: TaskReport, generation?: number): this {
    const own = this.state.tasks.find((task) => task.place.key === key)?.generation ?? asGeneration(0);
    const said = generation === undefined ? own : asGeneration(generation);
    return this.on({ kind: "task", message: { generation: said, task: at(key), ...report } });
  }
  /** The same word of these tasks, or of all. */
  all(report: TaskReport, keys: readonly string[] = this.keys): this {
    for (const key of keys) this.task(key, report);
    return this;
  }
  /** Kinds of effects; of messages, the kind of message. */
  kinds(): string[] {
    return this.effects.map((one) => (one.kind === "send" ? one.message.kind : one.kind));
  }
  /** To whom this kind of message goes. */
  told(kind: string): string[] {
    return this.effects.flatMap((one) => (one.kind === "send" && one.message.kind === kind ? [taskKey(one.task)] : []));
  }
  effect<Kind extends JobEffect["kind"]>(kind: Kind): Extract<JobEffect, { kind: Kind }> | undefined {
    return this.effects.find((one): one is Extract<JobEffect, { kind: Kind }> => one.kind === kind);
  }
  deployed(): string[] {
    return this.effects.flatMap((one) => (one.kind === "deploy" ? [taskKey(one.deployment.task)] : []));
  }

  /** The claim is answered: from this checkpoint on, as these tasks wrote it. */
  claimed(generation = this.state.generation + 1, from: Partial<Omit<RestorePoint, "restores">> = {}): this {
    const { ended = false, stop, tasks } = from;
    const checkpoint = from.checkpoint ?? asCheckpointId(0);
    const restores =
      tasks === undefined ? distributeSplits(this.#layout, []) : distribute(this.#layout, checkpoint, tasks);
    const restore = { checkpoint, ended, stop, tasks, restores };
    return this.on({ kind: "claimed", generation: asGeneration(generation), branch, restore });
  }
  /** The claim is answered with what this coordinator last saw published. */
  claimedDurable(generation?: number): this {
    return this.claimed(generation, this.state.durable ?? {});
  }
  running(): this {
    return this.on({ kind: "start" }).claimed().all({ kind: "running" });
  }
  acknowledge(checkpoint: number, keys = this.keys, ended = false, tag = String(checkpoint)): this {
    for (const key of keys) {
      const one = snapshot(key, tag, ended);
      this.task(key, { kind: "acknowledged", checkpoint: asCheckpointId(checkpoint), snapshot: one, costs: noCosts });
    }
    return this;
  }
  published(checkpoint: number, generation: number = this.state.generation): this {
    const of = { generation: asGeneration(generation), checkpoint: asCheckpointId(checkpoint) };
    return this.on({ kind: "published", ...of });
  }
  publishFailed(checkpoint: number): this {
    const { generation } = this.state;
    return this.on({ kind: "publish_failed", generation, checkpoint: asCheckpointId(checkpoint), error: broken });
  }
  committed(checkpoint: number, keys = this.keys): this {
    return this.all({ kind: "committed", checkpoint: asCheckpointId(checkpoint) }, keys);
  }
  /** A whole checkpoint. */
  checkpoint(checkpoint: number, ended = false): this {
    return this.acknowledge(checkpoint, this.keys, ended).published(checkpoint).committed(checkpoint);
  }
  failed(key: string, error = broken): this {
    return this.task(key, { kind: "failed", error });
  }
  gone(keys: readonly string[] = this.leaving()): this {
    return this.on({ kind: "tasks_gone", tasks: keys.map(at) });
  }
  leaving(): string[] {
    return this.state.tasks.filter((task) => task.life === "leaving").map((task) => task.place.key);
  }
  tickAt(nowMs: number): this {
    this.nowMs = nowMs;
    return this.on({ kind: "tick" });
  }
  savepoint(savepoint: string): this {
    return this.on({ kind: "savepoint", savepoint });
  }
  stop(savepoint: string, drain = false): this {
    return this.on({ kind: "stop", savepoint, drain });
  }
  exported(checkpoint: number, error = undefined as typeof broken | undefined): this {
    return this.on({ kind: "exported", checkpoint: asCheckpointId(checkpoint), error });
  }
}
