// One simulated life of a cluster and its job: faults first (nothing wrong may happen), then none (it must finish).
//
// The oracle is the output alone: what the target holds at the end must equal what passes over the input give.

import type { Digest } from "../../src/platform/ports.ts";
import { Cluster } from "./cluster.ts";
import { type Coverage, drawFaults, type FaultKind, noFaults } from "./faults.ts";
import { Scenario } from "./scenario.ts";
import { drawScale, drawShape, sinkOf } from "./shapes.ts";
import { drawInput } from "./sim_data.ts";
import { SimDisk } from "./sim_disk.ts";
import type { SimHost } from "./sim_platform.ts";
import type { Turns } from "./turns.ts";
import { World } from "./world.ts";

export interface SimEnvironment {
  readonly kernels: WebAssembly.Module;
  readonly digest: Digest;
  readonly turns: Turns;
  readonly keepLog?: boolean;
}

/** What a shrunk seed leaves out. */
export interface SeedLimits {
  readonly without: readonly FaultKind[];
  readonly rowsMin: number;
  readonly workersMax: number;
  readonly coordinatorsMax: number;
}

export const noLimits: SeedLimits = { without: [], rowsMin: 1_000, workersMax: 4, coordinatorsMax: 3 };

export interface SeedResult {
  readonly seed: number;
  /** Undefined: all well. */
  readonly violation: string | undefined;
  readonly traceHash: string;
  readonly steps: number;
  readonly crashes: number;
  readonly zombies: number;
  readonly rescales: number;
  readonly checkpoints: number;
  readonly shape: string;
  /** Faults by kind and by the state that the protocol was in. */
  readonly coverage: Coverage;
  readonly log: readonly string[];
}

const FAULTY_MS = 3_000;
/** Progress must follow within this much virtual time once the faults have stopped. */
const LIVENESS_MS = 30_000;
/** Whatever is still on its way, and whoever does not know yet that it is over, gets this long to do damage. */
const AFTERWARDS_MS = 600;

function compare(what: string, found: readonly string[], wanted: readonly string[]): string | undefined {
  const at = Array.from({ length: Math.max(found.length, wanted.length) }, (_none, index) => index).find(
    (index) => found[index] !== wanted[index],
  );
  if (at === undefined) return undefined;
  return `${what}: ${found.length} where ${wanted.length} are right; first difference at ${at}: ${found[at]} / ${wanted[at]}`;
}

export async function runSeed(
  seed: number,
  environment: SimEnvironment,
  limits: SeedLimits = noLimits,
): Promise<SeedResult> {
  const { kernels, digest, turns, keepLog } = environment;
  const world = new World(seed, digest, turns, keepLog);
  const { prng } = world;
  const faults = drawFaults(prng, new Set(limits.without));
  const input = drawInput(prng, limits.rowsMin);
  const shape = drawShape(prng);
  const scale = drawScale(prng);
  const settings = {
    maxParallelism: prng.pick([4, 16, 128]),
    intervalMs: 10 + prng.below(40),
    tolerableFailures: prng.below(4),
  };
  const workers = Math.min(prng.pick([0, 2, 3, 4]), limits.workersMax);
  const coordinators = Math.min(2 + prng.below(2), limits.coordinatorsMax);
  const host: SimHost = {
    ...{ world, disk: new SimDisk(), kernels, digest },
    // Submitting is the user's act, not the protocol's: faults begin once the job exists.
    faults: noFaults,
    calm: false,
    status: "none",
    coverage: {},
  };
  const cluster = new Cluster(host, input, { coordinators, workers });
  const scenario = new Scenario(cluster, shape, input, scale, settings);
  scenario.start(() => {
    host.faults = workers === 0 ? { ...faults, task_hangs: 0 } : faults;
    cluster.unleash();
    scenario.unleash();
  });
  const over = (): boolean => scenario.done || cluster.failure !== undefined;
  await world.run(over, FAULTY_MS);
  cluster.calm();
  let violation: string | undefined;
  if (!over()) {
    const outcome = await world.run(over, FAULTY_MS + LIVENESS_MS);
    if (outcome !== "done")
      violation = `no end within ${LIVENESS_MS} ms after the last fault (${outcome}, ${host.status})`;
  }
  await world.run(() => false, world.nowMs + AFTERWARDS_MS);
  violation ??= cluster.failure;
  for (const [output, lines] of Object.entries(shape.expected(input))) {
    violation ??= compare(output, cluster.target.of(sinkOf(output)), lines);
  }
  const { crashes, zombies } = cluster;
  return {
    ...{ seed, violation, crashes, zombies, rescales: scenario.rescales, shape: shape.name },
    traceHash: world.traceHash(),
    steps: world.steps,
    checkpoints: host.disk.manifests,
    coverage: host.coverage,
    log: world.log,
  };
}
