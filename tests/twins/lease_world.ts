// Several coordinators and one lease in virtual time, from one seed: lost and late calls, pauses beyond the lease,
// crashes, clocks that drift, wall clocks that jump, a database whose clock steps.
//
// It checks, after every event:
// - at most one coordinator leads (but where the database's own clock stepped, which a lease cannot survive);
// - epochs only rise, and each is led by one coordinator once;
// - what was begun under an epoch takes effect only while nobody has taken the lease after it;
// and in the end, when the faults have stopped: somebody leads, and goes on leading.

import { type Prng, seededPrng } from "../../src/base/prng.ts";
import { leaseFence, LeaseKeeper } from "../../src/coordinator/lease_keeper.ts";
import { LeaseTable } from "../../src/platform/lease_table.ts";
import { MemoryMetadataStore } from "../../src/platform/memory_stores.ts";
import type { AbortSignalLike, LeaseStore } from "../../src/platform/ports.ts";

const NAME = "coordinator";
const TTL_MS = 1000;
const FAULTS_UNTIL_MS = 30 * TTL_MS;
/** The longest pause, the lease that it may leave behind, a step back of the database's clock, and a few tries. */
const CALM_AFTER_MS = FAULTS_UNTIL_MS + 12 * TTL_MS;
const END_MS = CALM_AFTER_MS + 5 * TTL_MS;
/** Apart by less than the margin within one lease. */
const DRIFT_MAX = 0.02;

/** Ten times what a seed takes. */
const STEPS_MAX = 50_000;

interface Member {
  readonly keeper: LeaseKeeper;
  readonly number: number;
  alive: boolean;
  pausedUntilMs: number;
  /** Until then the database hears nothing of it. */
  cutOffUntilMs: number;
}

interface Due {
  readonly atMs: number;
  readonly owner: Member | undefined;
  readonly run: () => void;
}

export interface LeaseFigures {
  leads: number;
  handovers: number;
  actsDone: number;
  actsRefused: number;
}

class LeaseWorld {
  readonly prng: Prng;
  readonly figures: LeaseFigures = { leads: 0, handovers: 0, actsDone: 0, actsRefused: 0 };
  nowMs = 0;
  problem: string | undefined;
  readonly #due: Due[] = [];
  readonly #members: Member[] = [];
  readonly #metadata = new MemoryMetadataStore();
  readonly #table = new LeaseTable(this.#metadata.counters);
  /** What the database's clock is ahead of the world's. */
  #databaseAheadMs = 0;
  readonly #steppingDatabase: boolean;
  readonly #pausing: boolean;
  readonly #crashing: boolean;
  readonly #faultRate: number;
  #lastLed = 0;
  #made = 0;

  constructor(seed: number) {
    this.prng = seededPrng(seed);
    this.#steppingDatabase = this.prng.chance(0.2);
    this.#pausing = this.prng.chance(0.6);
    this.#crashing = this.prng.chance(0.6);
    this.#faultRate = this.prng.chance(0.2) ? 0 : this.prng.below(40) / 100;
    const count = 2 + this.prng.below(3);
    for (let index = 0; index < count; index++) this.#join();
    this.#later(0, undefined, () => this.#disturb());
    this.#later(0, undefined, () => this.#act());
  }

  get faulty(): boolean {
    return this.nowMs < FAULTS_UNTIL_MS;
  }

  #later(delayMs: number, owner: Member | undefined, run: () => void): void {
    this.#due.push({ atMs: this.nowMs + delayMs, owner, run });
  }

  #join(): void {
    const { prng } = this;
    const rate = 1 + (DRIFT_MAX * (prng.below(201) - 100)) / 100;
    const startMs = prng.below(1_000_000);
    const number = this.#made++;
    const clock = {
      nowMs: (): number => {
        throw new Error("a lease never looks at wall time");
      },
      monotonicMs: () => startMs + this.nowMs * rate,
    };
    const sleep = (delayMs: number, signal?: AbortSignalLike): Promise<void> =>
      new Promise((resolve, reject) => {
        this.#later(delayMs / rate, member, resolve);
        signal?.addEventListener("abort", () => reject(signal.reason));
      });
    const keeper = new LeaseKeeper({
      leases: this.#store(() => member),
      clock,
      timers: { sleep },
      entropy: { bytes: (length) => Uint8Array.from({ length }, () => prng.below(256)) },
      log: { write: () => undefined },
      name: NAME,
      ttlMs: TTL_MS,
      onLead: (epoch) => this.#onLead(epoch),
      onLose: () => undefined,
    });
    const member: Member = { keeper, number, alive: true, pausedUntilMs: 0, cutOffUntilMs: 0 };
    this.#members.push(member);
    this.#later(prng.below(50), member, () => keeper.start());
  }

  #onLead(epoch: number): void {
    if (epoch <= this.#lastLed) this.problem ??= `epoch ${epoch} was led after ${this.#lastLed}`;
    if (this.#lastLed > 0) this.figures.handovers++;
    this.figures.leads++;
    this.#lastLed = epoch;
  }

  get #databaseMs(): number {
    return Math.floor(1_700_000_000_000 + this.nowMs + this.#databaseAheadMs);
  }

  #store(owner: () => Member): LeaseStore {
    const call = <T>(effect: () => T): Promise<T> => this.#call(owner(), effect);
    return {
      read: (name) => call(() => this.#table.read(name, this.#databaseMs)),
      take: (claim) => call(() => this.#table.take(claim, this.#databaseMs)),
      renew: (claim) => call(() => this.#table.renew(claim, this.#databaseMs)),
      release: (claim) => call(() => this.#table.release(claim)),
    };
  }

  /** The effect comes some time after the call and the answer some time after that; either may get lost. */
  #call<T>(owner: Member, effect: () => T): Promise<T> {
    const { prng } = this;
    const fault = this.faulty && prng.chance(this.#faultRate);
    const slowMs = prng.chance(0.5) ? TTL_MS / 3 : 2 * TTL_MS;
    const wayMs = (): number => (fault && prng.chance(0.4) ? prng.below(slowMs) : 0.5 + prng.below(100) / 10);
    const loseRequest = owner.cutOffUntilMs > this.nowMs || (fault && prng.chance(0.3));
    const loseAnswer = fault && prng.chance(0.3);
    const late = fault && prng.chance(0.3);
    return new Promise((resolve, reject) => {
      const fail = (): void => this.#later(wayMs(), owner, () => reject(new Error("no answer")));
      if (late) this.#later(prng.below(4 * TTL_MS), undefined, effect);
      if (late || loseRequest) {
        if (prng.chance(0.5)) fail();
        return;
      }
      this.#later(wayMs(), undefined, () => {
        const result = effect();
        if (!loseAnswer) this.#later(wayMs(), owner, () => resolve(result));
        else if (prng.chance(0.5)) fail();
      });
    });
  }

  #disturb(): void {
    if (!this.faulty) return;
    const { prng } = this;
    const leaders = this.#leaders();
    const member = prng.pick(leaders.length > 0 && prng.chance(0.5) ? leaders : this.#members);
    if (this.#faultRate > 0 && prng.chance(0.3)) member.cutOffUntilMs = this.nowMs + prng.below(3 * TTL_MS);
    if (this.#pausing && prng.chance(0.4)) member.pausedUntilMs = this.nowMs + prng.below(4 * TTL_MS);
    if (this.#crashing && prng.chance(0.2) && member.alive) {
      member.alive = false;
      this.#join();
    }
    if (this.#steppingDatabase && prng.chance(0.1)) this.#databaseAheadMs += (prng.below(1_201) - 600) * 1_000;
    if (prng.chance(0.1) && member.alive) this.#retire(member);
    this.#later(prng.below(2 * TTL_MS), undefined, () => this.#disturb());
  }

  /** A clean shutdown, and another in its place. */
  #retire(member: Member): void {
    void member.keeper.stop().then(() => {
      if (member.keeper.leading() !== undefined) this.problem ??= "it leads after it stopped";
      member.alive = false;
    });
    this.#join();
  }

  /** Whoever leads begins something, which reaches the store at once or much later. */
  #act(): void {
    for (const { keeper, alive, pausedUntilMs } of this.#members) {
      const epoch = alive && pausedUntilMs <= this.nowMs ? keeper.leading() : undefined;
      if (epoch === undefined) continue;
      const delayMs = this.prng.chance(0.2) ? this.prng.below(5 * TTL_MS) : this.prng.below(10);
      this.#later(delayMs, undefined, () => void this.#commit(epoch));
    }
    if (this.nowMs < END_MS) this.#later(this.prng.below(TTL_MS / 2), undefined, () => this.#act());
  }

  async #commit(epoch: number): Promise<void> {
    const current = this.#table.read(NAME, this.#databaseMs).epoch;
    const outcome = await this.#metadata.commit([leaseFence(NAME, epoch)], []);
    if (outcome.kind === "committed") this.figures.actsDone++;
    else this.figures.actsRefused++;
    if ((outcome.kind === "committed") !== (current === epoch)) {
      this.problem ??= `an act of epoch ${epoch} was ${outcome.kind} under epoch ${current}`;
    }
  }

  #leaders(): readonly Member[] {
    return this.#members.filter(({ alive, keeper }) => alive && keeper.leading() !== undefined);
  }

  async run(): Promise<void> {
    for (let steps = 0; this.nowMs < END_MS && this.problem === undefined; steps++) {
      if (steps > STEPS_MAX) this.problem = `it turns in circles at ${this.nowMs}`;
      const next = this.#due.reduce((first, one) => (one.atMs < first.atMs ? one : first), this.#due[0] as Due);
      this.#due.splice(this.#due.indexOf(next), 1);
      if (next.owner?.alive === false) continue;
      if (next.owner !== undefined && next.owner.pausedUntilMs > next.atMs) {
        this.#due.push({ ...next, atMs: next.owner.pausedUntilMs });
        continue;
      }
      this.nowMs = next.atMs;
      next.run();
      for (let turn = 0; turn < 12; turn++) await Promise.resolve();
      this.#check();
    }
  }

  #check(): void {
    const leaders = this.#leaders();
    if (leaders.length > 1 && !this.#steppingDatabase) {
      this.problem ??= `${leaders.map((one) => one.number).join(" and ")} lead at ${this.nowMs}`;
    }
    if (this.nowMs > CALM_AFTER_MS && leaders.length !== 1) {
      this.problem ??= `${leaders.length} lead at ${this.nowMs}, long after the last fault`;
    }
  }
}

/** What is wrong, if anything; the same seed finds the same. */
export async function runLeaseSeed(
  seed: number,
): Promise<{ readonly problem: string | undefined; readonly figures: LeaseFigures }> {
  const world = new LeaseWorld(seed);
  await world.run();
  return {
    problem: world.problem === undefined ? undefined : `seed ${seed}: ${world.problem}`,
    figures: world.figures,
  };
}
