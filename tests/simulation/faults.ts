// Which faults a seed may see, and how often. Kinds are switched off at random per seed (swarm testing), because
// a fault that is always present hides what another one alone would show.

import type { Prng } from "../../src/base/prng.ts";

export const faultKinds = [
  /** A store call fails and nothing happened. */
  "failed_call",
  /** It reports a failure though it took effect, or may take effect later. */
  "unknown_outcome",
  /** It takes 50 times as long. */
  "slow_call",
  /** A commit to a sink's target takes 200 times as long. */
  "slow_commit",
  "crash_worker",
  "crash_coordinator",
  /** Every process and every write that was not synced is gone. */
  "power_loss",
  /** What a power loss leaves of the last un-synced write may be a part of it. */
  "torn_write",
  /** A process stands still beyond every timeout, others take over, then it goes on, unaware. */
  "pause_worker",
  "pause_coordinator",
  /** A coordinator and a worker do not reach each other any more. */
  "partition",
  /** A channel between two tasks loses what was on its way. */
  "channel_loss",
  /** A receiver gets everything late. */
  "slow_channel",
  /** Messages between a coordinator and a worker come late, and not in step with those to others. */
  "message_delay",
  /** A task's message arrives twice. */
  "duplicate_message",
  "task_throws",
  "task_hangs",
  /** Wall clocks differ and jump. */
  "clock_skew",
  /** A source has nothing for a while. */
  "idle_source",
  /** Somebody asks for savepoints. */
  "savepoint",
  /** The job is stopped with a savepoint and goes on from it at another parallelism. */
  "stop_and_rescale",
] as const;

export type FaultKind = (typeof faultKinds)[number];

/** For calls, messages and reads a chance each; for what strikes processes and jobs the mean time between two, in ms. 0: never. */
export type FaultPlan = Readonly<Record<FaultKind, number>>;

export const noFaults = Object.fromEntries(faultKinds.map((kind) => [kind, 0])) as FaultPlan;

export function drawFaults(prng: Prng, without: ReadonlySet<FaultKind>): FaultPlan {
  const rate = (max: number): number => (prng.chance(0.5) ? (prng.below(1000) / 1000) * max : 0);
  const every = (likely: number, leastMs: number, spreadMs: number): number => {
    const there = prng.chance(likely);
    const ms = leastMs + prng.below(spreadMs);
    return there ? ms : 0;
  };
  const drawn: FaultPlan = {
    failed_call: rate(0.03),
    unknown_outcome: rate(0.02),
    slow_call: rate(0.03),
    slow_commit: rate(0.1),
    crash_worker: every(0.5, 60, 500),
    crash_coordinator: every(0.4, 100, 800),
    power_loss: every(0.3, 150, 1000),
    torn_write: prng.chance(0.5) ? 0.5 : 0,
    pause_worker: every(0.4, 80, 600),
    pause_coordinator: every(0.4, 150, 1000),
    partition: every(0.3, 80, 600),
    channel_loss: every(0.3, 80, 600),
    slow_channel: rate(0.3),
    message_delay: rate(0.2),
    duplicate_message: rate(0.1),
    task_throws: rate(0.01),
    task_hangs: rate(0.003),
    clock_skew: every(0.3, 40, 400),
    idle_source: rate(0.2),
    savepoint: every(0.3, 60, 400),
    stop_and_rescale: every(0.3, 30, 300),
  };
  const kept = faultKinds.map((kind) => [kind, without.has(kind) ? 0 : drawn[kind]] as const);
  return Object.fromEntries(kept) as unknown as FaultPlan;
}

/** How one store call goes. The `unknown_…` ones look the same to the caller; `late` takes effect when nobody waits. */
export type CallFate = "ok" | "failed" | "unknown_done" | "unknown_lost" | "unknown_late";

export function drawFate(prng: Prng, plan: FaultPlan): CallFate {
  if (prng.chance(plan.failed_call)) return "failed";
  if (prng.chance(plan.unknown_outcome)) return prng.pick(["unknown_done", "unknown_lost", "unknown_late"] as const);
  return "ok";
}

/** How often which fault struck in which state of the protocol. */
export type Coverage = Record<string, Record<string, number>>;

export function addCoverage(into: Coverage, from: Coverage): void {
  for (const [kind, states] of Object.entries(from)) {
    const known = into[kind] ?? {};
    into[kind] = known;
    for (const [state, times] of Object.entries(states)) known[state] = (known[state] ?? 0) + times;
  }
}

/** One line a fault kind, one column a state. */
export function coverageTable(coverage: Coverage): string {
  const states = [...new Set(Object.values(coverage).flatMap((one) => Object.keys(one)))].sort();
  const width = Math.max(...faultKinds.map((kind) => kind.length));
  const head = `${" ".repeat(width)}  ${states.map((state) => state.padStart(12)).join(" ")}`;
  const lines = faultKinds.map((kind) => {
    const cells = states.map((state) => String(coverage[kind]?.[state] ?? "·").padStart(12));
    return `${kind.padEnd(width)}  ${cells.join(" ")}`;
  });
  return [head, ...lines].join("\n");
}
