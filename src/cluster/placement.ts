// Which worker runs what: the i-th tasks of all chains of a job share one slot, since most of their rows stay among them.
// A pure function, so that the same workers and tasks always give the same answer.

export interface WorkerLoad {
  readonly worker: string;
  readonly slots: number;
  /** Slots in use. */
  readonly used: number;
}

/**
 * The worker of each subtask. Free slots first, the emptiest worker first, in the order given where they are alike;
 * where slots are short every worker takes its share beyond them. Undefined: there is no worker.
 */
export function place(
  subtasks: readonly number[],
  workers: readonly WorkerLoad[],
): ReadonlyMap<number, string> | undefined {
  if (workers.length === 0) return undefined;
  const used = workers.map((one) => one.used);
  const placed = new Map<number, string>();
  for (const subtask of [...subtasks].sort((a, b) => a - b)) {
    let best = 0;
    for (let index = 1; index < workers.length; index++) {
      if (share(workers, used, index) < share(workers, used, best)) best = index;
    }
    used[best] = (used[best] ?? 0) + 1;
    placed.set(subtask, (workers[best] as WorkerLoad).worker);
  }
  return placed;
}

const share = (workers: readonly WorkerLoad[], used: readonly number[], index: number): number =>
  (used[index] as number) / (workers[index] as WorkerLoad).slots;

export const freeSlots = (workers: readonly WorkerLoad[]): number =>
  workers.reduce((sum, one) => sum + Math.max(0, one.slots - one.used), 0);
