// The small ports that Node, Deno and Bun share: clocks, timers, yielding, randomness, digests, compiled kernels.

import { createHash, randomFillSync } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import type { Bytes } from "../../src/base/bytes.ts";
import { externalError } from "../../src/base/errors.ts";
import type { Clock, Digest, Entropy, Modules, Timers, Yield } from "../../src/platform/ports.ts";

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** What timers of the runtimes can count; longer sleeps go in steps. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export const systemTimers: Timers = {
  sleep: (delayMs, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      let remainingMs = Math.max(0, delayMs);
      const step = (): void => {
        if (remainingMs <= 0) {
          signal?.removeEventListener("abort", onAbort);
          resolve();
          return;
        }
        const stepMs = Math.min(remainingMs, TIMER_MS_MAX);
        remainingMs -= stepMs;
        timer = setTimeout(step, stepMs);
      };
      const onAbort = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        reject(signal?.reason as Error);
      };
      signal?.addEventListener("abort", onAbort);
      const firstMs = Math.min(remainingMs, TIMER_MS_MAX);
      remainingMs -= firstMs;
      let timer = setTimeout(step, firstMs);
    }),
};

export const systemYield: Yield = {
  yield: () =>
    new Promise((resolve) => {
      setImmediate(resolve);
    }),
};

export const systemEntropy: Entropy = {
  bytes: (count) => randomFillSync(new Uint8Array(count)),
};

export const systemDigest: Digest = {
  sha256: () => {
    const hash = createHash("sha256");
    return {
      update: (bytes) => {
        hash.update(bytes);
      },
      finish: (): Bytes => Uint8Array.from(hash.digest()),
    };
  },
};

/** The ports of every platform in a local process, whichever thread it is for. */
export const systemPorts = {
  clock: systemClock,
  timers: systemTimers,
  yield: systemYield,
  entropy: systemEntropy,
  digest: systemDigest,
};

let kernels: WebAssembly.Module | undefined;

/** The kernels beside this package, compiled once a process. */
export function kernelModules(): Modules {
  if (kernels === undefined) {
    const path = kernelsFile();
    kernels = new WebAssembly.Module(readFileSync(path));
  }
  return { kernels };
}

/** Sources and compiled files stand at different depths below the package's root. */
function kernelsFile(): URL {
  for (const up of ["../../", "../../../"]) {
    const candidate = new URL(`${up}build/kernels.wasm`, import.meta.url);
    if (existsSync(candidate)) return candidate;
  }
  const wanted = new URL("../../build/kernels.wasm", import.meta.url).pathname;
  throw externalError("kernels_missing", wanted, `the compiled kernels are not at ${wanted}; run \`npm run build\``);
}
