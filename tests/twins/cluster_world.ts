// A deployment of several processes in one event loop: memory network, one set of stores, workers and coordinators that
// a test can kill, freeze and cut off.

import { externalError } from "../../src/base/errors.ts";
import { seededPrng } from "../../src/base/prng.ts";
import type { Value } from "../../src/batch/record_batch.ts";
import { Coordinator, type Leading } from "../../src/cluster/coordinator.ts";
import { readLeader } from "../../src/cluster/leader_record.ts";
import { type ClusterTimes, defaultClusterTimes } from "../../src/cluster/times.ts";
import { Worker } from "../../src/cluster/worker.ts";
import type { LogStore } from "../../src/connectors/log_store.ts";
import type { ConnectorFactory } from "../../src/engine/connector_factory.ts";
import { sinkInput } from "../../src/graph/plan.ts";
import { MemoryLeaseStore } from "../../src/platform/lease_table.ts";
import { MemoryBlobStore, MemoryMetadataStore } from "../../src/platform/memory_stores.ts";
import { type Carrier, MemoryNetwork, type MemoryNode } from "../../src/platform/memory_network.ts";
import { ProcessFunctions } from "../../src/job/define_process.ts";
import type { Network } from "../../src/platform/network.ts";
import type { Platform } from "../../src/platform/platform.ts";
import { defaultTaskOptions } from "../../src/task/task.ts";
import { type GoldenSplits, goldenSource, GoldenTarget } from "../golden/connectors.ts";

const defaultTimes: ClusterTimes = {
  ...defaultClusterTimes,
  beatMs: 10,
  silenceMs: 1_000,
  settleMs: 100,
  waitMs: 5_000,
  absenceMs: 1_500,
  retryMs: 10,
};
/** More than a busy machine stands still while kernels are compiled. */
const TTL_MS = 2_000;
const KEYS = 40;
const SPLITS = 4;
const ROWS = 300;

const input: GoldenSplits = Array.from({ length: SPLITS }, (_none, split) => {
  const prng = seededPrng(split + 1);
  return Array.from({ length: ROWS }, (_row, index): readonly Value[] => [
    BigInt(index * 10),
    `key-${prng.below(KEYS)}`,
    BigInt(prng.below(1000)),
  ]);
});

export const expectedRows: readonly string[] = (() => {
  const sums = new Map<string, [bigint, bigint]>();
  for (const [at, key, amount] of input.flat() as [bigint, string, bigint][]) {
    const start = at - (at % 1000n);
    const name = JSON.stringify([`${start}`, `${start + 1000n}`, key]);
    const [count, sum] = sums.get(name) ?? [0n, 0n];
    sums.set(name, [count + 1n, sum + amount]);
  }
  return [...sums].map(([name, [count, sum]]) => JSON.stringify([...JSON.parse(name), `${count}`, `${sum}`])).sort();
})();

export const clusterJob = (parallelism: number, attempts = 1000): object => ({
  millrace: 1,
  name: "cluster",
  parallelism,
  checkpoint: { intervalMs: 20 },
  restart: { strategy: "fixed_delay", attempts, delayMs: 1 },
  operators: [
    {
      uid: "events",
      kind: "source",
      connector: { kind: "memory", name: "events" },
      schema: [
        { name: "at", type: "timestamp" },
        { name: "key", type: "utf8" },
        { name: "amount", type: "i64" },
      ],
      eventTime: { column: "at", boundMs: 0 },
    },
    {
      uid: "window",
      kind: "window",
      input: "events",
      keyBy: ["key"],
      window: { kind: "tumbling", sizeMs: 1000 },
      aggregates: { rows: { function: "count" }, sum: { function: "sum", column: "amount" } },
    },
    { uid: "out", kind: "sink", input: "window", connector: { kind: "print" } },
  ],
});

const noLogs: LogStore = {
  describe: async () => undefined,
  read: () => Promise.reject(new Error("this deployment has no logs")),
  waitForMore: async () => undefined,
  prepareCommits: async () => undefined,
  commit: async () => undefined,
};

export interface WorldCoordinator {
  readonly node: MemoryNode;
  readonly coordinator: Coordinator;
  readonly losses: string[];
  /** From here on its stores answer nothing. */
  sever(): void;
  leads(): Promise<Leading>;
}

/** The same store until it is severed; from then on every call fails. */
const unlessSevered =
  (severed: () => boolean) =>
  <Store extends object>(store: Store): Store =>
    new Proxy(store, {
      get: (of, name) => {
        const member: unknown = Reflect.get(of, name, of);
        if (typeof member !== "function") return member;
        return (...args: readonly unknown[]) =>
          severed()
            ? Promise.reject(externalError("store_unavailable", "store", "the test has cut the store off"))
            : (member.apply(of, args) as unknown);
      },
    });

/** Messages arrive in a later turn of the event loop, in order: timers and stores get their turns in between. */
function carrierOf(base: Platform): Carrier {
  let waiting: (() => void)[] = [];
  return (deliver) => {
    waiting.push(deliver);
    if (waiting.length > 1) return;
    void base.yield.yield().then(() => {
      const due = waiting;
      waiting = [];
      for (const one of due) one();
    });
  };
}

const task = { ...defaultTaskOptions, batchRows: 16, memoryBudgetBytes: 1 << 26 };

export interface WorldWorker {
  readonly node: MemoryNode;
  readonly worker: Worker;
}

export class World {
  readonly network: MemoryNetwork;
  readonly platform: Platform;
  readonly coordinators: WorldCoordinator[] = [];
  /** Reads wait before each batch, so that a job takes a while. */
  slowMs = 0;
  /** Attempts of workers to connect to one another. */
  crossings = 0;
  /** Of coordinators that are started from here on. */
  rescaleAfterMs: number | undefined;
  readonly #metadata = new MemoryMetadataStore();
  readonly #leases: MemoryLeaseStore;
  readonly #target = new GoldenTarget();
  readonly #workers: Worker[] = [];
  readonly #times: ClusterTimes;
  #started = 0;

  constructor(base: Platform, more: Partial<ClusterTimes> = {}) {
    this.#times = { ...defaultTimes, ...more };
    this.platform = { ...base, metadata: this.#metadata, blobs: new MemoryBlobStore() };
    this.#leases = new MemoryLeaseStore(this.#metadata, () => base.clock.nowMs());
    this.network = new MemoryNetwork(carrierOf(base));
  }

  /** Rows that the target holds, sorted. */
  rows(): readonly string[] {
    return this.#target.rowsOf("out");
  }

  readonly #connectors: ConnectorFactory = {
    source: (node) => {
      const source = goldenSource(node, input, () => false);
      return {
        ...source,
        open: async (...args) => {
          const reader = await source.open(...args);
          const read: typeof reader.read = async (rowsMax) => {
            if (this.slowMs > 0) await this.platform.timers.sleep(this.slowMs);
            return await reader.read(rowsMax);
          };
          return { read, position: () => reader.position(), progress: () => undefined, close: () => reader.close() };
        },
      };
    },
    sink: (node) => this.#target.sink(node.uid, sinkInput(node).schema),
  };

  async coordinator(): Promise<WorldCoordinator> {
    const node = this.network.node(`coordinator-${++this.#started}`);
    const losses: string[] = [];
    let severed = false;
    const own = unlessSevered(() => severed);
    const coordinator = new Coordinator({
      ...{ platform: { ...this.platform, metadata: own(this.#metadata) }, leases: own(this.#leases), ttlMs: TTL_MS },
      ...{ network: node, times: this.#times, task, embedded: true, rest: "" },
      functions: new ProcessFunctions(),
      ...(this.rescaleAfterMs === undefined ? {} : { rescaleAfterMs: this.rescaleAfterMs }),
      openGround: () => ({ connectors: this.#connectors, targets: { logs: noLogs, database: undefined } }),
      onLose: (_epoch, reason) => losses.push(reason),
    });
    await coordinator.start();
    const sever = (): void => {
      severed = true;
    };
    const leads = async (): Promise<Leading> => {
      await this.until("the coordinator leads", () => coordinator.leading !== undefined);
      return coordinator.leading as Leading;
    };
    const one: WorldCoordinator = { node, coordinator, losses, sever, leads };
    this.coordinators.push(one);
    return one;
  }

  async workers(count: number): Promise<readonly WorldWorker[]> {
    const made: WorldWorker[] = [];
    for (let index = 0; index < count; index++) made.push(await this.#worker());
    return made;
  }

  async #worker(): Promise<WorldWorker> {
    const node = this.network.node(`worker-${++this.#started}`);
    const { clock, timers, entropy, log } = this.platform;
    const counted: Network = {
      listen: (onLink) => node.listen(onLink),
      connect: async (address) => {
        if (address.startsWith("worker")) this.crossings++;
        return await node.connect(address);
      },
    };
    const worker = new Worker({
      ...{ network: counted, clock, timers, entropy, log, times: this.#times, slots: 1 },
      findLeader: async () => (await readLeader(this.#metadata))?.address,
      openGround: async () => ({
        platform: this.platform,
        connectors: this.#connectors,
        functions: new ProcessFunctions(),
      }),
    });
    await worker.start();
    this.#workers.push(worker);
    return { node, worker };
  }

  /** Waits until it holds; fails after 20 s. */
  async until(what: string, holds: () => boolean): Promise<void> {
    for (let tries = 0; !holds(); tries++) {
      if (tries === 4000) throw new Error(`${what}: not within 20 s`);
      await this.platform.timers.sleep(5);
    }
  }

  async close(): Promise<void> {
    for (const { coordinator } of this.coordinators) await coordinator.stop();
    for (const worker of this.#workers) await worker.stop();
  }
}
