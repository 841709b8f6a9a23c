// The small ports: clocks, timers, yielding, randomness, digests.

import { hexOf, utf8 } from "../../src/base/bytes.ts";
import { type Case, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";
import type { AbortSignalLike } from "../../src/platform/ports.ts";

/** A signal of our own, so that the port is held to the part of AbortSignal that it declares. */
function signal(): AbortSignalLike & { abort(reason: unknown): void; readonly listeners: number } {
  const listeners = new Set<() => void>();
  let aborted = false;
  let why: unknown;
  return {
    get aborted() {
      return aborted;
    },
    get reason() {
      return why;
    },
    get listeners() {
      return listeners.size;
    },
    addEventListener: (_type, listener) => {
      listeners.add(listener);
    },
    removeEventListener: (_type, listener) => {
      listeners.delete(listener);
    },
    abort: (reason) => {
      aborted = true;
      why = reason;
      for (const listener of [...listeners]) listener();
    },
  };
}

const VECTORS: readonly (readonly [string, string])[] = [
  ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  [
    "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
  ],
];

export const cases: readonly Case[] = [
  test("digest: SHA-256 answers the published vectors", async (context) => {
    const { digest } = await context.freshPlatform();
    for (const [text, wanted] of VECTORS) {
      const stream = digest.sha256();
      stream.update(utf8(text));
      equal(hexOf(stream.finish()), wanted, text);
    }
    const million = digest.sha256();
    for (let part = 0; part < 1000; part++) million.update(utf8("a".repeat(1000)));
    equal(hexOf(million.finish()), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0", "a million a");
  }),

  test("digest: how the bytes are cut does not matter, and streams do not mix", async (context) => {
    const { digest } = await context.freshPlatform();
    const bytes = Uint8Array.from({ length: 300 }, (_unused, index) => index & 255);
    const whole = digest.sha256();
    whole.update(bytes);
    const wanted = hexOf(whole.finish());
    for (const cut of [1, 55, 56, 63, 64, 65, 128, 299]) {
      const other = digest.sha256();
      const stream = digest.sha256();
      stream.update(bytes.subarray(0, cut));
      other.update(bytes);
      stream.update(bytes.subarray(cut));
      equal([hexOf(stream.finish()), hexOf(other.finish())], [wanted, wanted], `cut at ${cut}`);
    }
  }),

  test("entropy: bytes are as many as asked for, and never the same twice", async (context) => {
    const { entropy } = await context.freshPlatform();
    const seen = new Set<string>();
    for (let round = 0; round < 50; round++) seen.add(hexOf(entropy.bytes(16)));
    equal(seen.size, 50);
    equal([entropy.bytes(0).byteLength, entropy.bytes(1).byteLength, entropy.bytes(1000).byteLength], [0, 1, 1000]);
    ok(new Set(entropy.bytes(1000)).size > 100, "a thousand random bytes have more than a hundred values");
  }),

  test("clock: the wall clock shows this century and the monotonic clock never goes back", async (context) => {
    const { clock } = await context.freshPlatform();
    ok(clock.nowMs() > Date.UTC(2024, 0, 1), "this century");
    let previous = clock.monotonicMs();
    for (let round = 0; round < 1000; round++) {
      const now = clock.monotonicMs();
      ok(now >= previous, "never back");
      previous = now;
    }
  }),

  test("timers: a sleep takes its time, and leaves its signal alone afterwards", async (context) => {
    const { clock, timers } = await context.freshPlatform();
    const startMs = clock.monotonicMs();
    const quiet = signal();
    await timers.sleep(30, quiet);
    ok(clock.monotonicMs() - startMs >= 25, "30 ms have passed");
    equal(quiet.listeners, 0, "listeners left behind");
    await timers.sleep(0);
    await timers.sleep(-5);
  }),

  test("timers: an aborted sleep rejects at once with the reason", async (context) => {
    const { clock, timers } = await context.freshPlatform();
    const startMs = clock.monotonicMs();
    const reason = Object.assign(new Error("enough"), { code: "enough" });
    const during = signal();
    const sleeping = timers.sleep(60_000, during);
    during.abort(reason);
    await rejects(() => sleeping, "enough");
    equal(during.listeners, 0, "listeners left behind");
    const before = signal();
    before.abort(reason);
    await rejects(() => timers.sleep(60_000, before), "enough");
    // A sleep longer than a runtime's timer can count must not come back at once.
    const long = signal();
    const sleepingLong = timers.sleep(2 ** 32, long);
    await timers.sleep(5);
    long.abort(reason);
    await rejects(() => sleepingLong, "enough");
    ok(clock.monotonicMs() - startMs < 10_000, "nobody waited");
  }),

  test("yield: other work of the event loop runs before it resolves", async (context) => {
    const platform = await context.freshPlatform();
    let ticks = 0;
    let stop = false;
    const ticking = (async () => {
      while (!stop) {
        await platform.timers.sleep(0);
        ticks++;
      }
    })();
    const startMs = platform.clock.monotonicMs();
    while (ticks < 3 && platform.clock.monotonicMs() - startMs < 5000) await platform.yield.yield();
    stop = true;
    await ticking;
    ok(ticks >= 3, "timers fire while yielding");
  }),

  test("the platform names the runtime that it found in the process", async (context) => {
    equal((await context.freshPlatform()).runtime, context.runtime);
  }),
];
