// What may be deleted, decided before anything is.
//
// Invariants:
// - Fail closed: a manifest that cannot be read, or a name that is not understood, deletes nothing.
// - A part is garbage only if no retained manifest names it and no running checkpoint can come to name it:
//   it was written by a generation of which no task lives any more, or for a checkpoint that is already decided.
// - Manifests go first, oldest first, and only under the current generation; their parts follow.

import type { CheckpointId, Generation } from "../base/ids.ts";
import type { Manifest } from "./manifest.ts";
import { partsOf } from "./manifest.ts";
import { checkpointOfPart, generationOfPart } from "./paths.ts";

export interface GarbageFacts {
  /** Every manifest of the job with its key, in any order. */
  readonly manifests: readonly { readonly key: string; readonly manifest: Manifest }[];
  readonly partNames: readonly string[];
  /** The newest one; of anything newer nothing is known. */
  readonly generation: Generation;
  /** The oldest of which tasks still live: they write parts under it. Newer than `generation`: no task lives. */
  readonly oldest: number;
  /** The newest published checkpoint of the current branch; later ones are in the making. */
  readonly latest: { readonly key: string; readonly checkpoint: CheckpointId };
  /** Manifest keys that something still reads (a savepoint export, the newest few by policy). */
  readonly pinned: readonly string[];
  /** How many of the newest manifests stay. */
  readonly retained: number;
  /** Whether the parts of manifests that nothing reads any more stay as long as these do. */
  readonly keepParts: boolean;
}

export interface GarbageDecision {
  /** Oldest first. */
  readonly manifestKeys: readonly string[];
  readonly partNames: readonly string[];
}

export function decideGarbage(facts: GarbageFacts): GarbageDecision {
  // Without the newest manifest at hand nothing can be said about what it names.
  if (!facts.manifests.some((one) => one.key === facts.latest.key)) return { manifestKeys: [], partNames: [] };
  const byAge = [...facts.manifests].sort(
    (left, right) =>
      left.manifest.generation - right.manifest.generation || left.manifest.checkpoint - right.manifest.checkpoint,
  );
  const kept = new Set(byAge.slice(-facts.retained).map((one) => one.key));
  kept.add(facts.latest.key);
  for (const key of facts.pinned) kept.add(key);
  const reachable = new Set<string>();
  for (const { key, manifest } of byAge) {
    const needed = facts.keepParts ? kept.has(key) : facts.pinned.includes(key);
    if (needed) for (const part of partsOf(manifest)) reachable.add(part.name);
  }
  return {
    manifestKeys: byAge.filter((one) => !kept.has(one.key)).map((one) => one.key),
    partNames: facts.partNames.filter((name) => !reachable.has(name) && isDecided(name, facts)),
  };
}

function isDecided(name: string, facts: GarbageFacts): boolean {
  const generation = generationOfPart(name);
  const checkpoint = checkpointOfPart(name);
  if (generation === undefined || checkpoint === undefined) return false;
  if (generation > facts.generation) return false;
  return generation < facts.oldest || checkpoint <= facts.latest.checkpoint;
}
