// The ports of one incarnation over the simulated world. After its death no call of it resolves any more.

import { externalError } from "../../src/base/errors.ts";
import type { Platform } from "../../src/platform/platform.ts";
import type { AbortSignalLike, Digest, SqlDatabase, StageObserver } from "../../src/platform/ports.ts";
import { drawFate, type FaultPlan } from "./faults.ts";
import type { SimDisk } from "./sim_disk.ts";
import type { Incarnation, World } from "./world.ts";

export interface SimHost {
  readonly world: World;
  readonly disk: SimDisk;
  /** Changes when the faults stop. */
  faults: FaultPlan;
  readonly kernels: WebAssembly.Module;
  readonly digest: Digest;
}

/** Runs `effect` at some time between now and the answer; the answer may lie about it (see CallFate). */
export async function storeCall<T>(host: SimHost, owner: Incarnation, what: string, effect: () => T): Promise<T> {
  const { world, disk } = host;
  const { prng } = world;
  const fate = drawFate(prng, host.faults);
  const slow = prng.chance(host.faults.slowRate) ? 50 : 1;
  await world.delay((0.1 + prng.below(20) / 10) * slow, owner);
  const failure = (): Error => externalError("store_unavailable", what, `simulated: ${what} ${fate}`);
  if (fate === "unknown_late") world.schedule(5 + prng.below(400), undefined, () => lateEffect(host, what, effect));
  if (fate !== "ok" && fate !== "unknown_done") {
    world.note(`${owner.number} ${what} ${fate}`);
    await world.delay(prng.below(30) / 10, owner);
    throw failure();
  }
  const result = effect();
  world.note(`${owner.number} ${what} ${fate}`);
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
async function readCall<T>(host: SimHost, owner: Incarnation, read: () => T): Promise<T> {
  await host.world.delay(0.1 + host.world.prng.below(10) / 10, owner);
  return read();
}

const noTables: SqlDatabase = {
  batch: () => Promise.reject(new Error("the simulation has no SQL")),
  query: () => Promise.reject(new Error("the simulation has no SQL")),
};

export function simPlatform(host: SimHost, owner: Incarnation, stages: StageObserver): Platform {
  const { world, disk } = host;
  const call = <T>(what: string, effect: () => T): Promise<T> => storeCall(host, owner, what, effect);
  const read = <T>(effect: () => T): Promise<T> => readCall(host, owner, effect);
  return {
    runtime: "simulator",
    clock: { nowMs: () => 1_700_000_000_000 + Math.floor(world.nowMs), monotonicMs: () => world.nowMs },
    timers: { sleep: (delayMs, signal) => sleep(world, owner, delayMs, signal) },
    yield: { yield: () => world.delay(0.01, owner) },
    entropy: { bytes: (count) => Uint8Array.from({ length: count }, () => world.prng.below(256)) },
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
    log: { write: (level, message) => world.note(`${owner.number} ${level} ${message}`) },
    console: { print: () => undefined },
    stages,
  };
}

function sleep(world: World, owner: Incarnation, delayMs: number, signal?: AbortSignalLike): Promise<void> {
  return new Promise((resolve, reject) => {
    world.schedule(delayMs, owner, resolve);
    signal?.addEventListener("abort", () => reject(signal.reason));
  });
}
