// The ports of one process over the simulated world. After its death no call of it resolves any more.

import { externalError } from "../../src/base/errors.ts";
import type { Platform } from "../../src/platform/platform.ts";
import type { AbortSignalLike, Digest, LeaseStore, SqlDatabase } from "../../src/platform/ports.ts";
import { type Coverage, drawFate, type FaultKind, type FaultPlan } from "./faults.ts";
import type { SimDisk } from "./sim_disk.ts";
import type { SimProcess, World } from "./world.ts";

export interface SimHost {
  readonly world: World;
  readonly disk: SimDisk;
  /** Changes when the faults begin and when they stop. */
  faults: FaultPlan;
  /** While it holds, no store call fails: the user submits. */
  calm: boolean;
  /** Of the job, as its leader sees it. */
  status: string;
  readonly coverage: Coverage;
  readonly kernels: WebAssembly.Module;
  readonly digest: Digest;
}

/** Whether a fault strikes now. */
export function strikes(host: SimHost, kind: FaultKind, process?: SimProcess): boolean {
  if (!host.world.prng.chance(host.faults[kind])) return false;
  count(host, kind, process);
  return true;
}

/** Counts a fault under the state that the protocol is in. */
export function count(host: SimHost, kind: FaultKind, process?: SimProcess): void {
  const state = host.status === "RUNNING" ? (process?.stage ?? "RUNNING") : host.status;
  const states = host.coverage[kind] ?? {};
  host.coverage[kind] = states;
  states[state] = (states[state] ?? 0) + 1;
}

/** Runs `effect` at some time between now and the answer; the answer may lie about it (see CallFate). */
export async function storeCall<T>(host: SimHost, owner: SimProcess, what: string, effect: () => T): Promise<T> {
  const { world, disk } = host;
  const { prng } = world;
  const fate = host.calm ? "ok" : drawFate(prng, host.faults);
  if (fate !== "ok") count(host, fate === "failed" ? "failed_call" : "unknown_outcome", owner);
  const slow = strikes(host, "slow_call", owner) ? 50 : 1;
  await world.delay((0.1 + prng.below(20) / 10) * slow, owner);
  const failure = (): Error => externalError("store_unavailable", what, `simulated: ${what} ${fate}`);
  if (fate === "unknown_late") world.schedule(5 + prng.below(400), undefined, () => lateEffect(host, what, effect));
  if (fate !== "ok" && fate !== "unknown_done") {
    world.note(`${owner.name} ${what} ${fate}`);
    throw failure();
  }
  const result = effect();
  world.note(`${owner.name} ${what} ${fate}`);
  await world.delay((0.1 + prng.below(20) / 10) * slow, owner);
  disk.sync();
  if (fate === "unknown_done") throw failure();
  return result;
}

/** A request that was still on its way when its sender had given it up, and perhaps died. */
function lateEffect(host: SimHost, what: string, effect: () => unknown): void {
  try {
    effect();
    host.disk.sync();
    host.world.note(`late ${what}`);
  } catch (refused) {
    host.world.note(`late ${what} refused: ${String(refused)}`);
  }
}

/** A read, which has no fate but time. */
async function readCall<T>(host: SimHost, owner: SimProcess, read: () => T): Promise<T> {
  await host.world.delay(0.1 + host.world.prng.below(10) / 10, owner);
  return read();
}

const noTables: SqlDatabase = {
  batch: () => Promise.reject(new Error("the simulation has no SQL")),
  query: () => Promise.reject(new Error("the simulation has no SQL")),
};

const EPOCH_MS = 1_700_000_000_000;

export function simPlatform(host: SimHost, owner: SimProcess): Platform {
  const { world, disk } = host;
  const call = <T>(what: string, effect: () => T): Promise<T> => storeCall(host, owner, what, effect);
  const read = <T>(effect: () => T): Promise<T> => readCall(host, owner, effect);
  return {
    runtime: "simulator",
    clock: { nowMs: () => EPOCH_MS + owner.skewMs + Math.floor(world.nowMs), monotonicMs: () => world.nowMs },
    timers: { sleep: (delayMs, signal) => sleep(world, owner, delayMs, signal) },
    yield: { yield: () => world.delay(0.01, owner) },
    entropy: { bytes: (length) => Uint8Array.from({ length }, () => world.prng.below(256)) },
    digest: host.digest,
    modules: { kernels: host.kernels },
    blobs: {
      put: (name, bytes) => call(`blob put ${name}`, () => disk.putBlob(name, bytes)),
      get: (name) => read(() => disk.blobs.get(name)?.slice()),
      delete: (names) => call(`blob delete ${names.length}`, () => disk.deleteBlobs(names)),
      list: (prefix) => read(() => disk.listBlobs(prefix)),
    },
    metadata: {
      commit: (guards, ops) => call(`commit ${ops.map((op) => op.key).join(" ")}`, () => disk.commit(guards, ops)),
      get: (key) => read(() => disk.records.get(key)?.slice()),
      getCounter: (key) => read(() => disk.counters.get(key) ?? 0),
      list: (prefix, options) =>
        read(() => disk.list(prefix, options?.reverse === true, options?.limit ?? Number.MAX_SAFE_INTEGER)),
    },
    tables: noTables,
    files: undefined,
    log: { write: (level, message) => world.note(`${owner.name} ${level} ${message}`) },
    console: { print: () => undefined },
    stages: {
      enter: (stage) => {
        owner.stage = stage;
      },
    },
  };
}

/** Leases by the store's own clock, which is that of the world. */
export function simLeases(host: SimHost, owner: SimProcess): LeaseStore {
  const { leases } = host.disk;
  const now = (): number => host.world.nowMs;
  const call = <T>(what: string, effect: () => T): Promise<T> => storeCall(host, owner, `lease ${what}`, effect);
  return {
    read: (name) => readCall(host, owner, () => leases.read(name, now())),
    take: (claim) => call("take", () => leases.take(claim, now())),
    renew: (claim) => call("renew", () => leases.renew(claim, now())),
    release: (claim) => call("release", () => leases.release(claim)),
  };
}

function sleep(world: World, owner: SimProcess, delayMs: number, signal?: AbortSignalLike): Promise<void> {
  return new Promise((resolve, reject) => {
    const event = world.schedule(delayMs, owner, resolve);
    signal?.addEventListener("abort", () => {
      event.cancelled = true;
      reject(signal.reason);
    });
  });
}
