// One simulated life of a job: faults first (nothing wrong may happen), then none (it must finish).
//
// The oracle is the output alone: what the target holds at the end must equal what one pass over the input gives.

import type { Digest } from "../../src/platform/ports.ts";
import { Engine } from "../../src/engine/engine.ts";
import { drawFaults, type FaultPlan, noFaults } from "./faults.ts";
import { drawInput, expectedOf, simSchema, type SimInput } from "./sim_data.ts";
import { simSink, simSource, SimTarget } from "./sim_connectors.ts";
import { SimDisk } from "./sim_disk.ts";
import { type SimHost, simPlatform } from "./sim_platform.ts";
import { Incarnation, World } from "./world.ts";

export interface SimEnvironment {
  readonly kernels: WebAssembly.Module;
  readonly digest: Digest;
  /** Runs every promise reaction that is due: a macrotask of the host. */
  readonly settle: () => Promise<void>;
  readonly keepLog?: boolean;
}

export interface SeedResult {
  readonly seed: number;
  /** Undefined: all well. */
  readonly violation: string | undefined;
  readonly traceHash: string;
  readonly steps: number;
  readonly crashes: number;
  readonly zombies: number;
  /** Faults by the stage that the engine was in. */
  readonly crashedIn: Readonly<Record<string, number>>;
  readonly log: readonly string[];
}

const FAULTY_MS = 8_000;
/** Progress must follow within this much virtual time once the faults have stopped. */
const LIVENESS_MS = 30_000;

class Simulation {
  readonly host: SimHost;
  readonly input: SimInput;
  readonly target = new SimTarget();
  readonly faults: FaultPlan;
  crashes = 0;
  zombies = 0;
  readonly crashedIn: Record<string, number> = {};
  #incarnations: Incarnation[] = [];
  #engines: Engine[] = [];
  #submitted = false;
  #stage = "starting";
  failure: string | undefined;

  constructor(seed: number, environment: SimEnvironment) {
    const { kernels, digest, settle, keepLog } = environment;
    const world = new World(seed, digest, settle, keepLog);
    this.faults = drawFaults(world.prng);
    this.input = drawInput(world.prng);
    // Submitting is the user's act, not the protocol's: faults begin once the job exists.
    this.host = { world, disk: new SimDisk(), faults: noFaults, kernels, digest };
  }

  spec(): unknown {
    const { prng } = this.host.world;
    const { sizeMs, boundMs } = this.input;
    const aggregates = {
      rows: { function: "count" },
      sum: { function: "sum", column: "amount" },
      min: { function: "min", column: "amount" },
      max: { function: "max", column: "amount" },
    };
    const window = {
      uid: "window",
      kind: "window",
      input: "source",
      keyBy: ["key"],
      window: { kind: "tumbling", sizeMs },
      aggregates,
    };
    const source = {
      uid: "source",
      kind: "source",
      connector: { kind: "generator", seed: 1, rows: 1, keys: 1 },
      schema: simSchema,
      eventTime: { column: "at", boundMs },
    };
    const print = { kind: "print" };
    return {
      millrace: 1,
      name: "simulated",
      checkpoint: { intervalMs: 10 + prng.below(80) },
      restart: { strategy: "fixed_delay", attempts: 1000, delayMs: 10 },
      operators: [
        source,
        window,
        { uid: "main", kind: "sink", input: "window", connector: print },
        { uid: "late", kind: "sink", input: "window#late", connector: print },
      ],
    };
  }

  /** A new process: it finds what the disk holds. */
  start(): void {
    const owner = new Incarnation(this.#incarnations.length + 1);
    this.#incarnations.push(owner);
    const stages = {
      enter: (stage: string) => {
        this.#stage = stage;
      },
    };
    const platform = simPlatform(this.host, owner, stages);
    const engine = new Engine(platform, {
      connectors: {
        source: () => simSource(this.host, owner, this.input),
        sink: () => simSink(this.host, owner, this.target),
      },
      task: {
        memoryBudgetBytes: 8 * 1024 * 1024,
        // State is small here; merging parts must be part of most lives all the same.
        compaction: { amplificationMax: 1, spareBytes: 0, partsMax: 2 + this.host.world.prng.below(3) },
      },
    });
    this.#engines = [...this.#engines, engine];
    this.host.world.note(`${owner.number} starts`);
    this.#boot(engine).catch((error: unknown) => {
      // A store that fails while a process starts ends the process; its supervisor starts another.
      this.host.world.note(`${owner.number} could not start: ${String(error)}`);
      if (owner.alive) this.host.world.schedule(50, undefined, () => this.#replace(owner));
    });
  }

  async #boot(engine: Engine): Promise<void> {
    await engine.recover();
    if (this.#submitted) return;
    await engine.submit(this.spec());
    this.#submitted = true;
    this.host.faults = this.faults;
    this.#plan();
  }

  #replace(owner: Incarnation): void {
    if (!owner.alive) return;
    owner.alive = false;
    this.start();
  }

  get finished(): boolean {
    const statuses = this.#engines.flatMap((engine, index) =>
      this.#incarnations[index]?.alive === true ? engine.list().map((job) => job.status) : [],
    );
    if (statuses.includes("FAILED")) this.failure = "the job FAILED";
    // An incarnation lets a job go only because another has it.
    if (statuses.length > 0 && statuses.every((status) => status === "SUSPENDED")) {
      this.failure = "every living incarnation let the job go";
    }
    return this.failure !== undefined || statuses.includes("FINISHED");
  }

  #plan(): void {
    const { world } = this.host;
    const { crashEveryMs, pauseEveryMs } = this.faults;
    if (crashEveryMs > 0) world.schedule(world.prng.below(2 * crashEveryMs), undefined, () => this.#crash());
    if (pauseEveryMs > 0) world.schedule(world.prng.below(2 * pauseEveryMs), undefined, () => this.#pause());
  }

  #crash(): void {
    const { world, disk, faults } = this.host;
    if (faults === noFaults || this.finished) return;
    this.crashes++;
    this.crashedIn[this.#stage] = (this.crashedIn[this.#stage] ?? 0) + 1;
    world.note(`crash in ${this.#stage}`);
    for (const one of this.#incarnations) one.alive = false;
    disk.crash(world.prng, faults.torn);
    world.schedule(world.prng.below(50), undefined, () => this.start());
    world.schedule(world.prng.below(2 * this.faults.crashEveryMs), undefined, () => this.#crash());
  }

  /** The process stops for longer than anybody waits; another one takes over; then the first goes on, unaware. */
  #pause(): void {
    const { world, faults } = this.host;
    if (faults === noFaults || this.finished) return;
    const current = this.#incarnations.at(-1);
    if (current?.alive === true && current.pausedUntilMs <= world.nowMs) {
      this.zombies++;
      current.pausedUntilMs = world.nowMs + 50 + world.prng.below(1_000);
      world.note(`${current.number} pauses until ${current.pausedUntilMs}`);
      this.start();
    }
    world.schedule(world.prng.below(2 * this.faults.pauseEveryMs), undefined, () => this.#pause());
  }

  stopFaults(): void {
    this.host.faults = noFaults;
    if (!this.#incarnations.some((one) => one.alive)) this.start();
  }

  verdict(): string | undefined {
    if (this.failure !== undefined) {
      const errors = this.#engines.flatMap((engine) => engine.list().map((job) => job.error?.message ?? ""));
      return `${this.failure}: ${errors.filter((text) => text !== "").at(-1) ?? "no cause"}`;
    }
    const expected = expectedOf(this.input);
    return (
      compare("windows", this.target.of("main"), expected.windows) ??
      compare("late rows", this.target.of("late"), expected.late)
    );
  }
}

function compare(what: string, found: readonly string[], wanted: readonly string[]): string | undefined {
  const at = Array.from({ length: Math.max(found.length, wanted.length) }, (_none, index) => index).find(
    (index) => found[index] !== wanted[index],
  );
  if (at === undefined) return undefined;
  return `${what}: ${found.length} where ${wanted.length} are right; first difference at ${at}: ${found[at]} / ${wanted[at]}`;
}

export async function runSeed(seed: number, environment: SimEnvironment): Promise<SeedResult> {
  const simulation = new Simulation(seed, environment);
  const { world } = simulation.host;
  simulation.start();
  await world.run(() => simulation.finished, FAULTY_MS);
  let violation: string | undefined;
  if (!simulation.finished) {
    world.nowMs = Math.max(world.nowMs, FAULTY_MS);
    simulation.stopFaults();
    const outcome = await world.run(() => simulation.finished, FAULTY_MS + LIVENESS_MS);
    if (outcome !== "done") violation = `no end within ${LIVENESS_MS} ms after the last fault (${outcome})`;
  }
  violation ??= simulation.verdict();
  const { crashes, zombies, crashedIn } = simulation;
  return {
    seed,
    violation,
    traceHash: world.traceHash(),
    steps: world.steps,
    crashes,
    zombies,
    crashedIn,
    log: world.log,
  };
}
