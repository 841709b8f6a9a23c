// The tasks of a job within its state: who lives, who is spoken to, what each says about itself in whatever status.
//
// A failure takes down the tasks of one region, while the others go on under the generation that they were deployed
// with. Why older generations of living regions are safe, although a restart elsewhere has raised the job's:
// - Whoever takes the job over deploys every region anew, under a newer generation than any that lives here.
// - A sink belongs to one region, and its fence is its own: (target, branch, sink). So a region's commits are refused
//   exactly when a newer incarnation of the same region has prepared the sink, whatever other regions do.
// - Manifests are published under the newest generation by the only coordinator that holds it; what a task of an older
//   generation uploads is named by its own generation, and is not collected while one of that generation lives.
// - Numbers of checkpoints are never used twice by one coordinator, so a late answer of a region that goes on can not
//   be taken for one to a later checkpoint.

import { asGeneration, type CheckpointId, type Generation } from "../base/ids.ts";
import { type FromTask, type TaskAddress, taskKey, type ToTask } from "../protocol/messages.ts";
import type { JobEffect, JobState, TaskState } from "./job_state.ts";

export const taskOf = (state: JobState, address: TaskAddress): TaskState | undefined => {
  const key = taskKey(address);
  return state.tasks.find((task) => task.place.key === key);
};

export const allRun = (state: JobState): boolean => state.tasks.every((task) => task.life === "running");
export const noneLeaves = (state: JobState): boolean => state.tasks.every((task) => task.life !== "leaving");
export const noneLeft = (state: JobState): boolean => state.tasks.every((task) => task.life === "absent");
/** Nothing more will come from any of them. */
export const inputEnded = (state: JobState): boolean => state.tasks.every((task) => task.inputEnded);

export const allRegions = (state: JobState): number[] => [...new Set(state.tasks.map((task) => task.place.region))];

/** The oldest generation that may still write parts. */
export function oldestGeneration(state: JobState): Generation {
  const living = state.tasks.filter((task) => task.life !== "absent");
  return asGeneration(living.reduce((oldest, task) => Math.min(oldest, task.generation), Number(state.generation)));
}

const isAlive = (task: TaskState): boolean => task.life === "starting" || task.life === "running";

/** Says the same to every living task that `wanted` holds for, to each under its own generation. */
export function tell(
  state: JobState,
  words: (generation: Generation) => ToTask,
  wanted: (task: TaskState) => boolean = () => true,
): JobEffect[] {
  return state.tasks
    .filter((task) => isAlive(task) && wanted(task))
    .map((task) => ({ kind: "send", task: task.place.address, message: words(task.generation) }));
}

export const tellAbandoned = (state: JobState, checkpoint: CheckpointId): JobEffect[] =>
  tell(state, (generation) => ({ kind: "abandon", generation, checkpoint }));

export function withTask(state: JobState, address: TaskAddress, change: (task: TaskState) => TaskState): JobState {
  const key = taskKey(address);
  return { ...state, tasks: state.tasks.map((task) => (task.place.key === key ? change(task) : task)) };
}

/** The tasks of these regions begin to leave; the effect asks for their end. */
export function takeDown(state: JobState, regions: readonly number[]): { state: JobState; effects: JobEffect[] } {
  const leaves = (task: TaskState): boolean => isAlive(task) && regions.includes(task.place.region);
  const leaving = state.tasks.filter(leaves).map((task) => task.place.address);
  const tasks = state.tasks.map((task) => (leaves(task) ? { ...task, life: "leaving" as const } : task));
  return { state: { ...state, tasks }, effects: [{ kind: "destroy_tasks", tasks: leaving }] };
}

/** What was taken down is gone; tasks that live under these addresses by now are others, and stay. */
export function gone(state: JobState, addresses: readonly TaskAddress[]): JobState {
  const keys = new Set(addresses.map(taskKey));
  const tasks = state.tasks.map((task) =>
    keys.has(task.place.key) && task.life === "leaving"
      ? { ...task, life: "absent" as const, inputEnded: false }
      : task,
  );
  return { ...state, tasks };
}

/** Takes in what a task says of itself, which is true whatever becomes of the others. */
export function note(state: JobState, message: FromTask): JobState {
  switch (message.kind) {
    case "running": {
      const restored = taskOf(state, message.task)?.restored ?? 0;
      const next = withTask(state, message.task, (task) => ({ ...task, life: "running" }));
      // What it found pending in the checkpoint that it was restored from, it has committed before it said so.
      return committedUpTo(next, message.task, restored);
    }
    case "committed":
      return committedUpTo(state, message.task, message.checkpoint);
    case "input_ended":
      return withTask(state, message.task, (task) => ({ ...task, inputEnded: true }));
    case "checkpoint_wanted":
      return { ...state, checkpointWanted: true };
    default:
      return state;
  }
}

function committedUpTo(state: JobState, address: TaskAddress, checkpoint: number): JobState {
  const key = taskKey(address);
  const uncommitted = state.uncommitted.map((one) =>
    one.checkpoint <= checkpoint ? { ...one, waiting: one.waiting.filter((waiting) => waiting !== key) } : one,
  );
  return { ...state, uncommitted };
}
