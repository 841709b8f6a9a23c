// The processes of a simulated cluster: coordinators of which one leads by its lease, workers that host tasks, and a
// supervisor that starts what has died anew. What strikes them is scheduled here, from the seed.

import { FencedMetadata } from "../../src/cluster/leader_record.ts";
import { LeaseKeeper } from "../../src/coordinator/lease_keeper.ts";
import { Engine, type JobView } from "../../src/engine/engine.ts";
import { defaultTaskOptions, type TaskOptions } from "../../src/task/task.ts";
import { type FaultKind, noFaults } from "./faults.ts";
import { SimChannels } from "./sim_channels.ts";
import { simConnectors, SimTarget } from "./sim_connectors.ts";
import type { SimInput } from "./sim_data.ts";
import { count, type SimHost, simLeases, simPlatform } from "./sim_platform.ts";
import { type Link, SimTaskHost, SimWorker } from "./sim_worker.ts";
import { SimProcess } from "./world.ts";

const LEASE_MS = 200;
const HEARTBEAT_MS = 150;

interface Coordinator {
  readonly process: SimProcess;
  readonly keeper: LeaseKeeper;
  engine: Engine | undefined;
}

export interface ClusterSize {
  readonly coordinators: number;
  /** 0: tasks run in the process of their coordinator. */
  readonly workers: number;
}

export class Cluster {
  readonly host: SimHost;
  readonly target = new SimTarget();
  readonly #input: SimInput;
  readonly #options: TaskOptions;
  readonly #channels: SimChannels;
  #coordinators: Coordinator[] = [];
  #workers: SimWorker[] = [];
  #processes = 0;
  #turn = 0;
  crashes = 0;
  zombies = 0;
  /** The job came to an end that nothing can lead to here. */
  failure: string | undefined;

  constructor(host: SimHost, input: SimInput, size: ClusterSize) {
    this.host = host;
    this.#input = input;
    this.#channels = new SimChannels(host);
    const { prng } = host.world;
    // State is small here; merging parts must be part of most lives all the same.
    const compaction = { amplificationMax: 1, spareBytes: 0, partsMax: 2 + prng.below(3) };
    this.#options = {
      ...defaultTaskOptions,
      memoryBudgetBytes: 8 * 1024 * 1024,
      regionRows: 512,
      batchRows: 512,
      compaction,
    };
    host.world.onThrow = (owner, thrown) => this.#onThrow(owner, thrown);
    for (let index = 0; index < size.workers; index++) this.#workers.push(this.#makeWorker());
    for (let index = 0; index < size.coordinators; index++) this.#coordinators.push(this.#makeCoordinator());
  }

  #newProcess(role: SimProcess["role"]): SimProcess {
    const process = new SimProcess(++this.#processes, role);
    if (this.host.faults.clock_skew > 0) process.skewMs = this.#skew();
    this.host.world.note(`${process.name} starts`);
    return process;
  }

  #skew(): number {
    return this.host.world.prng.below(1_200_000) - 600_000;
  }

  #makeWorker(): SimWorker {
    const { host } = this;
    const process = this.#newProcess("worker");
    const connectors = simConnectors(host, process, this.#input, this.target);
    const platform = simPlatform(host, process);
    const parts = { host, channels: this.#channels, process, platform, connectors, options: this.#options };
    return new SimWorker(parts);
  }

  #makeCoordinator(): Coordinator {
    const { host } = this;
    const process = this.#newProcess("coordinator");
    const platform = simPlatform(host, process);
    const { clock, timers, entropy, log } = platform;
    const made: Coordinator = {
      process,
      engine: undefined,
      keeper: new LeaseKeeper({
        leases: simLeases(host, process),
        ...{ clock, timers, entropy, log },
        name: "coordinator",
        ttlMs: LEASE_MS,
        onLead: (epoch) => this.#lead(made, platform, epoch),
        onLose: () => {
          void made.engine?.close();
          made.engine = undefined;
        },
      }),
    };
    host.world.schedule(host.world.prng.below(20), process, () => made.keeper.start());
    return made;
  }

  #lead(one: Coordinator, platform: ReturnType<typeof simPlatform>, epoch: number): void {
    const { process } = one;
    // As a coordinator does (src/cluster): a job that a late leader took would be nobody's.
    const refused = (): void => this.host.world.note(`${process.name} changes nothing any more`);
    const metadata = new FencedMetadata(platform.metadata, epoch, refused);
    const tasks = new SimTaskHost(process, () => this.#place(process));
    const engine = new Engine(
      { ...platform, metadata },
      {
        connectors: simConnectors(this.host, process, this.#input, this.target),
        task: this.#options,
        ...(this.#workers.length > 0 ? { tasks } : {}),
        onChange: (view) => this.#onChange(one, engine, view),
      },
    );
    one.engine = engine;
    engine.recover().catch((error: unknown) => {
      // A store that fails while a process takes over ends the process; its supervisor starts another.
      this.host.world.note(`${process.name} could not take over: ${String(error)}`);
      this.#exit(process);
    });
  }

  #onChange(one: Coordinator, engine: Engine, view: JobView): void {
    if (one.engine !== engine) return;
    this.host.status = view.status;
    // What a late leader thinks of a job that others have finished is refused when it comes to record it.
    if (view.status === "FAILED" && one.keeper.leading() !== undefined)
      this.failure = `the job FAILED: ${view.error?.message ?? "no cause"}`;
    // Whoever holds the lease is to run the job: it begins anew.
    if (view.status === "SUSPENDED") this.#exit(one.process);
  }

  #exit(process: SimProcess): void {
    this.host.world.schedule(this.host.world.prng.below(20), process, () => this.#kill(process));
  }

  #onThrow(owner: SimProcess | undefined, thrown: unknown): void {
    if (owner === undefined) throw thrown;
    this.host.world.note(`${owner.name} dies of ${String(thrown)}`);
    this.#kill(owner);
  }

  get leader(): { readonly engine: Engine; readonly process: SimProcess } | undefined {
    for (const { engine, process, keeper } of this.#coordinators) {
      if (!process.alive || process.pausedUntilMs > this.host.world.nowMs || engine === undefined) continue;
      if (keeper.leading() !== undefined) return { engine, process };
    }
    return undefined;
  }

  /** In turn; a worker that is gone is noticed only once it is spoken to. */
  #place(coordinator: SimProcess): SimWorker {
    const worker = this.#workers[this.#turn++ % this.#workers.length] as SimWorker;
    const { process } = worker.parts;
    const { world } = this.host;
    const dead = (): boolean => !process.alive || process.pausedUntilMs > world.nowMs;
    if (dead()) {
      world.schedule(HEARTBEAT_MS, coordinator, () => {
        if (dead()) for (const link of this.#linksOf(coordinator, worker)) link.giveUp("no heartbeat");
      });
    }
    return worker;
  }

  #linksOf(coordinator: SimProcess, worker: SimWorker): Link[] {
    return worker.links.filter((link) => link.coordinator === coordinator && !link.lost);
  }

  /** Starts what the plan of faults has for processes and channels. */
  unleash(): void {
    const { faults } = this.host;
    this.every("crash_worker", () => this.#strikeProcess("crash_worker", this.#workersUp, (one) => this.#crash(one)));
    this.every("crash_coordinator", () =>
      this.#strikeProcess("crash_coordinator", this.#coordinatorsUp, (one) => this.#crash(one)),
    );
    this.every("power_loss", () => this.#powerLoss());
    this.every("pause_worker", () =>
      this.#strikeProcess("pause_worker", this.#workersUp, (one) => this.#pause(one, 100, 800)),
    );
    this.every("pause_coordinator", () =>
      this.#strikeProcess("pause_coordinator", this.#coordinatorsUp, (one) => this.#pause(one, LEASE_MS / 2, 900)),
    );
    this.every("partition", () => this.#partition());
    this.every("channel_loss", () => {
      if (this.#channels.breakOne()) count(this.host, "channel_loss");
    });
    this.every("clock_skew", () => {
      const process = this.host.world.prng.pick([...this.#workersUp, ...this.#coordinatorsUp, undefined]);
      if (process === undefined) return;
      process.skewMs = this.#skew();
      count(this.host, "clock_skew", process);
    });
    if (faults.clock_skew > 0) for (const one of this.#coordinatorsUp) one.skewMs = this.#skew();
  }

  /** Again and again, at random, as long as there are faults. */
  every(kind: FaultKind, strike: () => void): void {
    const { world } = this.host;
    const meanMs = this.host.faults[kind];
    if (meanMs === 0) return;
    world.schedule(world.prng.below(2 * meanMs), undefined, () => {
      if (this.host.faults === noFaults) return;
      strike();
      this.every(kind, strike);
    });
  }

  get #workersUp(): SimProcess[] {
    return this.#workers.map((one) => one.parts.process).filter((process) => process.alive);
  }
  get #coordinatorsUp(): SimProcess[] {
    return this.#coordinators.map((one) => one.process).filter((process) => process.alive);
  }

  #strikeProcess(kind: FaultKind, among: readonly SimProcess[], strike: (process: SimProcess) => void): void {
    if (among.length === 0) return;
    const leader = this.leader?.process;
    const { prng } = this.host.world;
    // A coordinator that does not lead has little to lose.
    const struck = leader !== undefined && among.includes(leader) && prng.chance(0.7) ? leader : prng.pick(among);
    count(this.host, kind, struck);
    strike(struck);
  }

  #crash(process: SimProcess): void {
    this.crashes++;
    this.#kill(process);
  }

  /** The process is gone; whoever speaks with it finds out; another takes its place. */
  #kill(process: SimProcess): void {
    if (!process.alive) return;
    const { world } = this.host;
    world.note(`${process.name} is gone in ${process.stage}`);
    process.alive = false;
    this.#channels.processDied(process);
    this.#noticed(process, 0.5 + world.prng.below(60), "the connection was reset", () => true);
    world.schedule(world.prng.below(60), undefined, () => this.#replace(process));
  }

  #replace(process: SimProcess): void {
    this.#workers = this.#workers.map((one) => (one.parts.process === process ? this.#makeWorker() : one));
    this.#coordinators = this.#coordinators.map((one) => (one.process === process ? this.#makeCoordinator() : one));
  }

  #powerLoss(): void {
    const { world, disk, faults } = this.host;
    count(this.host, "power_loss", this.leader?.process);
    this.crashes++;
    const torn = world.prng.chance(faults.torn_write);
    world.note("power loss");
    for (const process of [...this.#workersUp, ...this.#coordinatorsUp]) this.#kill(process);
    if (disk.crash(world.prng, torn)) count(this.host, "torn_write");
  }

  /** The process stops for longer than anybody waits; another one takes over; then the first goes on, unaware. */
  #pause(process: SimProcess, leastMs: number, spreadMs: number): void {
    const { world } = this.host;
    if (process.pausedUntilMs > world.nowMs) return;
    this.zombies++;
    process.pausedUntilMs = world.nowMs + leastMs + world.prng.below(spreadMs);
    world.note(`${process.name} pauses until ${process.pausedUntilMs}`);
    const afterMs = HEARTBEAT_MS + world.prng.below(200);
    this.#noticed(process, afterMs, "no heartbeat", () => process.pausedUntilMs > world.nowMs);
  }

  /** The other end of each link of a process finds out that something is wrong with it. */
  #noticed(process: SimProcess, afterMs: number, why: string, still: () => boolean): void {
    const { world } = this.host;
    for (const link of this.#workers.flatMap((worker) => worker.links)) {
      if (link.lost) continue;
      const worker = link.worker.parts.process;
      if (worker === process) {
        world.schedule(afterMs, link.coordinator, () => still() && link.giveUp(why));
      } else if (link.coordinator === process) {
        world.schedule(afterMs + world.prng.below(200), worker, () => still() && link.orphaned());
      }
    }
  }

  #partition(): void {
    const { world } = this.host;
    const links = this.#workers
      .flatMap((worker) => worker.links)
      .filter((link) => !link.lost && link.coordinator.alive);
    if (links.length === 0) return;
    const link = world.prng.pick(links);
    count(this.host, "partition", link.coordinator);
    link.cut();
    world.schedule(20 + world.prng.below(HEARTBEAT_MS), link.coordinator, () => link.giveUp("no heartbeat"));
  }

  /** No fault follows; whatever stands still goes on. */
  calm(): void {
    this.host.faults = noFaults;
  }
}
