// Whether a checkpoint would say anything that the newest manifest does not say.
//
// A job without input takes checkpoints, but stores none: where every task hands over exactly what the newest manifest
// holds (same parts, positions, watermarks, pending output, counters), that manifest stands for this checkpoint as well.
// The tasks are told `abandon`. That is true, since no manifest of this number will exist, and it is harmless: their
// deltas were empty, nothing new was staged, and the next delta begins where the newest manifest ends.

import type { DurableCheckpoint, InFlightCheckpoint } from "./job_state.ts";
import type { TaskSnapshot } from "../protocol/snapshot.ts";

export function isUnchanged(
  one: InFlightCheckpoint,
  tasks: readonly TaskSnapshot[],
  ended: boolean,
  durable: DurableCheckpoint | undefined,
): boolean {
  if (durable === undefined || ended || one.stop !== undefined || one.savepoints.length > 0) return false;
  return samePlain(tasks, durable.tasks);
}

/** Equal plain data. An absent property equals an undefined one. */
export function samePlain(left: unknown, right: unknown): boolean {
  if (Object.is(left, right)) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  const a = left as Readonly<Record<string, unknown>>;
  const b = right as Readonly<Record<string, unknown>>;
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  for (const name of names) if (!samePlain(a[name], b[name])) return false;
  return true;
}
