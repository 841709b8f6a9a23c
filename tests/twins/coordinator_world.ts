// A world round the coordinator that does whatever worlds do, drawn from a seed: tasks that answer in any order, late,
// twice, or after their end; a store whose answers are lost; commits, exports and claims that fail. It knows nothing of
// how the coordinator decides; it watches what it asks for.
//
// First faults (nothing wrong may happen), then none, and all input ends (the job must end, and everybody who asked for
// a savepoint must have been answered).

import { seededPrng, type Prng } from "../../src/base/prng.ts";
import { externalError } from "../../src/base/errors.ts";
import { asCheckpointId, asGeneration, type CheckpointId } from "../../src/base/ids.ts";
import { isTerminal, type JobEffect, type JobEvent } from "../../src/coordinator/job_state.ts";
import { type JobLayout, placesOf, type TaskPlace } from "../../src/coordinator/layout.ts";
import { taskKey, type TaskAddress, type TaskReport, type ToTask } from "../../src/protocol/messages.ts";
import type { TaskSnapshot } from "../../src/protocol/snapshot.ts";
import { config, Driver, layout, noCosts, regions, single, snapshot } from "../support/coordinator_fixture.ts";

const FAULTY_STEPS = 250;
const FAIR_STEPS = 4000;

const layouts: readonly JobLayout[] = [
  single,
  regions,
  layout(
    { parallelism: 1, region: 0, sources: ["s"] },
    { parallelism: 1, region: 1, sources: ["t"], operators: ["w"] },
  ),
  layout(
    { parallelism: 3, region: 0, sources: ["s"] },
    { parallelism: 1, region: 0, operators: ["w"], sinks: ["out"] },
  ),
];

interface SimTask {
  readonly place: TaskPlace;
  readonly generation: number;
  readonly restored: number;
  /** It was told to leave: it may say more, but nothing may come of it. */
  leaving: boolean;
  started: boolean;
  ended: boolean;
  version: number;
  readonly acknowledges: Set<number>;
  readonly commits: Set<number>;
}

interface StoredManifest {
  readonly checkpoint: CheckpointId;
  readonly ended: boolean;
  readonly tasks: readonly TaskSnapshot[];
}

class Wrong extends Error {}

function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Wrong(what);
}

class CoordinatorWorld {
  readonly #prng: Prng;
  readonly #job: Driver;
  readonly #places: readonly TaskPlace[];
  #tasks: SimTask[] = [];
  /** What is under way and may happen now. */
  #pending: (() => void)[] = [];
  #storedGeneration = 0;
  readonly #manifests: StoredManifest[] = [];
  #lastBarrier = 0;
  /** Up to which checkpoint the output of each task is at its target. */
  readonly #committed = new Map<string, number>();
  readonly #asked = new Set<string>();
  readonly #answered = new Map<string, string>();
  /** Savepoints of stops that a manifest names, or one on its way. */
  readonly #published = new Set<string>();
  /** Savepoints of stops that have their file. */
  readonly #written = new Set<string>();
  #faulty = true;
  #over = false;

  constructor(seed: number) {
    this.#prng = seededPrng(seed);
    const of = this.#prng.pick(layouts);
    this.#places = placesOf(of);
    const tolerableFailures = this.#prng.chance(0.5) ? null : this.#prng.below(3);
    const attempts = this.#prng.chance(0.2) ? 1 : 1000;
    this.#job = new Driver(of, { tolerableFailures, minPauseMs: this.#prng.below(80) }, { ...fixed, attempts });
  }

  run(): void {
    this.#send({ kind: "start" });
    for (let step = 0; step < FAULTY_STEPS; step++) this.#move();
    this.#faulty = false;
    for (let step = 0; step < FAIR_STEPS && !(this.#isOver && this.#pending.length === 0); step++) this.#move();
    must(this.#isOver, `the job does not end; it is ${this.#job.state.status}`);
    for (const one of this.#asked) {
      const isLeft = this.#job.state.status === "SUSPENDED" && this.#published.has(one);
      must(this.#answered.has(one) || isLeft, `nobody hears what became of ${one}`);
    }
  }

  get #isOver(): boolean {
    return isTerminal(this.#job.state.status);
  }

  #move(): void {
    const choice = this.#prng.below(10);
    if (choice < 4 && this.#pending.length > 0) {
      const [next] = this.#pending.splice(this.#prng.below(this.#pending.length), 1);
      return next?.();
    }
    if (choice < 8 && this.#tasks.length > 0) return this.#speak(this.#prng.pick(this.#tasks));
    if (this.#faulty && this.#prng.chance(0.15)) return this.#ask();
    this.#job.nowMs += this.#prng.below(40);
    this.#send({ kind: "tick" });
  }

  #ask(): void {
    const name = `p${this.#asked.size}`;
    const choice = this.#prng.below(20);
    if (choice === 0) return this.#send({ kind: "cancel" });
    if (choice === 1) return this.#send({ kind: "fenced", generation: this.#job.state.generation });
    this.#asked.add(name);
    if (choice < 6) return this.#send({ kind: "stop", savepoint: name, drain: this.#prng.chance(0.5) });
    this.#send({ kind: "savepoint", savepoint: name });
  }

  /** One of the things that this task may say now. */
  #speak(task: SimTask): void {
    if (this.#faulty && this.#prng.chance(0.03)) return this.#say(task, { kind: "failed", error: fault });
    if (!task.started) {
      task.started = true;
      if (!task.leaving) this.#note(task.place.key, task.restored);
      return this.#say(task, { kind: "running" });
    }
    if (this.#faulty ? this.#prng.chance(0.02) : !task.ended) {
      task.ended = true;
      return this.#say(task, { kind: "input_ended" });
    }
    if (this.#prng.chance(0.3) && this.#faulty) task.version++;
    const [commit] = task.commits;
    if (commit !== undefined && this.#prng.chance(0.5)) {
      if (!this.#faulty || this.#prng.chance(0.9)) task.commits.delete(commit);
      if (!task.leaving) this.#note(task.place.key, commit);
      return this.#say(task, { kind: "committed", checkpoint: asCheckpointId(commit) });
    }
    const [checkpoint] = task.acknowledges;
    if (checkpoint === undefined) return;
    if (!this.#faulty || this.#prng.chance(0.9)) task.acknowledges.delete(checkpoint);
    const of = asCheckpointId(checkpoint);
    if (this.#faulty && this.#prng.chance(0.1))
      return this.#say(task, { kind: "declined", checkpoint: of, error: fault });
    const taken = snapshot(task.place.key, String(task.version), task.ended);
    this.#say(task, { kind: "acknowledged", checkpoint: of, snapshot: taken, costs: noCosts });
  }

  #say(task: SimTask, report: TaskReport): void {
    const message = { generation: asGeneration(task.generation), task: task.place.address, ...report };
    this.#send({ kind: "task", message });
  }

  #note(key: string, checkpoint: number): void {
    this.#committed.set(key, Math.max(checkpoint, this.#committed.get(key) ?? 0));
  }

  #send(event: JobEvent): void {
    this.#job.on(event);
    const publishing = this.#job.effects.filter((one) => one.kind === "publish").length;
    must(publishing <= 1, "two checkpoints are published at once");
    for (const effect of this.#job.effects) {
      must(!this.#over || harmless.has(effect.kind), `${effect.kind} after the end`);
      this.#perform(effect);
    }
    this.#over = this.#isOver;
  }

  #later(act: () => void): void {
    this.#pending.push(act);
  }

  #perform(effect: JobEffect): void {
    switch (effect.kind) {
      case "claim":
        return this.#later(() => this.#claim());
      case "deploy":
        return this.#deploy(effect.deployment);
      case "send":
        return this.#hear(effect.task, effect.message);
      case "publish":
        return this.#publish(effect);
      case "export":
        return this.#export(effect);
      case "refuse_savepoints":
        for (const one of effect.savepoints) this.#answer(one, "refused");
        return;
      case "record_status":
        if (effect.savepoint === undefined) return;
        must(this.#written.has(effect.savepoint), "a savepoint is complete that has no file");
        must(this.#isOver, "the savepoint of a stop is complete only with the end of its job");
        return this.#answer(effect.savepoint, "complete");
      case "destroy_tasks": {
        for (const task of this.#tasks)
          if (effect.tasks.some((one) => taskKey(one) === task.place.key)) task.leaving = true;
        return this.#later(() => {
          this.#tasks = this.#tasks.filter(
            (task) => !task.leaving || !effect.tasks.some((one) => taskKey(one) === task.place.key),
          );
          this.#send({ kind: "tasks_gone", tasks: effect.tasks });
        });
      }
    }
  }

  #answer(savepoint: string, outcome: string): void {
    must(!this.#answered.has(savepoint), `${savepoint} is ${outcome} after it was ${this.#answered.get(savepoint)}`);
    this.#answered.set(savepoint, outcome);
  }

  #deploy({ task, generation, restore }: Extract<JobEffect, { kind: "deploy" }>["deployment"]): void {
    const key = taskKey(task);
    must(!this.#tasks.some((one) => one.place.key === key && !one.leaving), `${key} is deployed twice`);
    must(generation === this.#storedGeneration, "a task is deployed under a generation that was claimed");
    must(restore.checkpoint === (this.#manifests.at(-1)?.checkpoint ?? 0), "a task starts from the newest manifest");
    const place = this.#places.find((one) => one.key === key);
    must(place !== undefined, `${key} is no task of the job`);
    const fresh = { leaving: false, started: false, ended: false, version: restore.counters.rowsIn };
    const due = { acknowledges: new Set<number>(), commits: new Set<number>() };
    this.#tasks.push({ place, generation, restored: restore.checkpoint, ...fresh, ...due });
  }

  #hear(address: TaskAddress, message: ToTask): void {
    const key = taskKey(address);
    const task = this.#tasks.find((one) => one.place.key === key && !one.leaving);
    must(task !== undefined, `${message.kind} is said to ${key}, which does not live`);
    must(task.generation === message.generation, `${message.kind} reaches ${key} under a foreign generation`);
    switch (message.kind) {
      case "barrier":
        must(task.place.triggered, "a barrier begins at a source");
        must(this.#tasks.length >= this.#places.length, "a barrier while a task is missing");
        must(message.checkpoint >= this.#lastBarrier, "numbers of checkpoints rise");
        this.#lastBarrier = message.checkpoint;
        for (const one of this.#tasks) {
          if (one.place.region === task.place.region && !one.leaving) one.acknowledges.add(message.checkpoint);
        }
        return;
      case "commit":
        must(this.#isDurable(message.checkpoint), "a checkpoint is committed that has no manifest");
        task.commits.add(message.checkpoint);
        return;
      case "abandon":
        // Its answer may be on the way already.
        if (!this.#faulty || this.#prng.chance(0.5)) task.acknowledges.delete(message.checkpoint);
    }
  }

  #isDurable = (checkpoint: number): boolean => this.#manifests.some((one) => one.checkpoint === checkpoint);

  #publish(effect: Extract<JobEffect, { kind: "publish" }>): void {
    const { checkpoint, generation, ended, stop, tasks } = effect;
    if (stop !== undefined) this.#published.add(stop.savepoint);
    must(tasks.map(taskKey).join() === this.#places.map((one) => one.key).join(), "every task is in the manifest");
    const take = (): boolean => {
      if (generation !== this.#storedGeneration) return false;
      must(!this.#isDurable(checkpoint), "a checkpoint is published once");
      must(checkpoint > (this.#manifests.at(-1)?.checkpoint ?? 0), "manifests are published in order");
      this.#manifests.push({ checkpoint, ended, tasks });
      return true;
    };
    this.#later(() => {
      const failed: JobEvent = { kind: "publish_failed", generation, checkpoint, error: fault };
      const outcome = this.#faulty ? this.#prng.below(12) : 11;
      if (outcome === 0) return this.#send(failed);
      if (outcome === 1) {
        this.#later(take);
        return this.#send(failed);
      }
      const taken = take();
      this.#send(taken && outcome > 2 ? { kind: "published", generation, checkpoint } : failed);
    });
  }

  #claim(): void {
    const outcome = this.#faulty ? this.#prng.below(10) : 9;
    if (outcome === 0) return this.#send({ kind: "claim_failed", error: fault });
    this.#storedGeneration++;
    if (outcome === 1) return this.#send({ kind: "claim_failed", error: fault });
    this.#job.claimed(this.#storedGeneration, this.#manifests.at(-1) ?? {});
    const { effects } = this.#job;
    for (const effect of effects) this.#perform(effect);
    this.#over = this.#isOver;
  }

  #export({ checkpoint, savepoints, stop }: Extract<JobEffect, { kind: "export" }>): void {
    must(this.#isDurable(checkpoint), "a savepoint is made of a checkpoint that does not exist");
    for (const { key } of this.#places) {
      must((this.#committed.get(key) ?? 0) >= checkpoint, `a savepoint is made before ${key} has committed it`);
    }
    this.#later(() => {
      const fails = this.#faulty && this.#prng.chance(0.2);
      for (const one of savepoints) this.#answer(one, fails ? "failed" : "complete");
      const last = stop?.savepoint;
      if (last !== undefined && !fails) this.#written.add(last);
      // It may have been refused meanwhile, because the job was canceled.
      else if (last !== undefined && !this.#answered.has(last)) this.#answer(last, "failed");
      this.#send({ kind: "exported", checkpoint, error: fails ? fault : undefined });
    });
  }
}

const fixed = { ...config.restart, strategy: "fixed_delay", delayMs: 10 } as const;
const fault = externalError("fault", "world", "as worlds do");
const harmless = new Set<string>(["export", "refuse_savepoints", "collect_garbage", "destroy_tasks", "record_status"]);

/** What went wrong in the history that this seed gives; undefined: nothing. */
export function runCoordinatorWorld(seed: number): string | undefined {
  try {
    new CoordinatorWorld(seed).run();
    return undefined;
  } catch (error) {
    if (error instanceof Wrong) return `seed ${seed}: ${error.message}`;
    return `seed ${seed}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  }
}
