// Which faults a seed may see, and how often. Kinds are switched off at random per seed (swarm testing), because
// a fault that is always present hides what another one alone would show.

import type { Prng } from "../../src/base/prng.ts";

export interface FaultPlan {
  /** Chance per store call that it fails and nothing happened. */
  readonly failRate: number;
  /** Chance per store call that it reports a failure though it took effect, or may take effect later. */
  readonly unknownRate: number;
  /** Chance per store call that it takes 50 times as long. */
  readonly slowRate: number;
  /** Mean time between crashes; 0: none. */
  readonly crashEveryMs: number;
  /** Mean time between pauses that outlast the start of another incarnation; 0: none. */
  readonly pauseEveryMs: number;
  /** A crash may leave the last un-synced write torn instead of absent. */
  readonly torn: boolean;
  /** Chance per read of the source that it finds nothing for a while. */
  readonly idleRate: number;
}

export const noFaults: FaultPlan = {
  failRate: 0,
  unknownRate: 0,
  slowRate: 0,
  crashEveryMs: 0,
  pauseEveryMs: 0,
  torn: false,
  idleRate: 0,
};

export function drawFaults(prng: Prng): FaultPlan {
  const rate = (max: number): number => (prng.chance(0.5) ? (prng.below(1000) / 1000) * max : 0);
  return {
    failRate: rate(0.1),
    unknownRate: rate(0.05),
    slowRate: rate(0.1),
    crashEveryMs: prng.chance(0.8) ? 50 + prng.below(600) : 0,
    pauseEveryMs: prng.chance(0.4) ? 100 + prng.below(800) : 0,
    torn: prng.chance(0.5),
    idleRate: rate(0.2),
  };
}

/** How one store call goes. The `unknown_…` ones look the same to the caller; `late` takes effect when nobody waits. */
export type CallFate = "ok" | "failed" | "unknown_done" | "unknown_lost" | "unknown_late";

export function drawFate(prng: Prng, plan: FaultPlan): CallFate {
  if (prng.chance(plan.failRate)) return "failed";
  if (prng.chance(plan.unknownRate)) return prng.pick(["unknown_done", "unknown_lost", "unknown_late"] as const);
  return "ok";
}
