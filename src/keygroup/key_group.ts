// Key groups: the unit in which keyed state is stored, moved and restored.
//
// FIXED FOR EVER, because stored state depends on it:
//   key hash   32 bits over the key's bytes (key_hash.ts)
//   key group  floor(hash * maxParallelism / 2^32), the hash's high bits
//   subtask    floor(keyGroup * parallelism / maxParallelism)
//
// Invariant: the ranges of all subtasks partition [0, maxParallelism), and their sizes differ by at most one.

import { assert } from "../base/assert.ts";
import { asKeyGroup, type KeyGroup } from "../base/ids.ts";
import { MAX_PARALLELISM_LIMIT } from "../base/limits.ts";

/** Key groups `start` (included) to `end` (excluded). */
export interface KeyGroupRange {
  readonly start: number;
  readonly end: number;
}

export const allKeyGroups = (maxParallelism: number): KeyGroupRange => ({ start: 0, end: maxParallelism });

export const inRange = (range: KeyGroupRange, keyGroup: number): boolean =>
  keyGroup >= range.start && keyGroup < range.end;

/** The product stays below 2^47, so that the division is exact. */
export const keyGroupOfHash = (hash: number, maxParallelism: number): KeyGroup =>
  asKeyGroup(Math.floor((hash * maxParallelism) / 4294967296));

export function rangeOfSubtask(maxParallelism: number, parallelism: number, subtask: number): KeyGroupRange {
  assert(maxParallelism >= 1 && maxParallelism <= MAX_PARALLELISM_LIMIT, "maxParallelism is within its limit");
  assert(parallelism >= 1 && parallelism <= maxParallelism, "every subtask owns at least one key group");
  assert(subtask >= 0 && subtask < parallelism, "the subtask exists");
  return {
    start: Math.ceil((subtask * maxParallelism) / parallelism),
    end: Math.ceil(((subtask + 1) * maxParallelism) / parallelism),
  };
}

export const subtaskOfKeyGroup = (maxParallelism: number, parallelism: number, keyGroup: number): number =>
  Math.floor((keyGroup * parallelism) / maxParallelism);
