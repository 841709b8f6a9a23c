// Key hash and key groups: fixed for ever, the same in kernels and on the host.

import { utf8 } from "../../src/base/bytes.ts";
import { seededPrng } from "../../src/base/prng.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import { inRange, keyGroupOfHash, rangeOfSubtask, subtaskOfKeyGroup } from "../../src/keygroup/key_group.ts";
import { hashOfBytes, hashOfInteger, hashOfNull } from "../../src/keygroup/key_hash.ts";
import { type Case, test } from "../case.ts";
import { equal, ok } from "../expect.ts";

export const cases: readonly Case[] = [
  test("the key hash equals its golden vectors", () => {
    equal(hashOfNull(), 0x82778050, "null");
    equal(hashOfBytes(utf8("")), 0x3220d160, "empty text");
    equal(hashOfBytes(utf8("A")), 0x2397dd1a, "A");
    equal(hashOfBytes(utf8("JFK")), 0x87370b0f, "JFK");
    equal(hashOfBytes(utf8("thirteen chars")), 0x4690a137, "a longer text");
    equal(hashOfBytes(utf8("größer")), 0x5199c066, "text beyond ASCII");
    equal(hashOfInteger(0n), 0x9cea4b10, "0");
    equal(hashOfInteger(1n), 0x6f924f64, "1");
    equal(hashOfInteger(-1n), 0xc8d36283, "-1");
    equal(hashOfInteger(2n ** 63n - 1n), 0x6ac28624, "the largest i64");
    equal(hashOfInteger(-(2n ** 63n)), 0x6a93efe6, "the smallest i64");
  }),

  test("an integer hashes as its 8 bytes", () => {
    const random = seededPrng(1);
    for (let round = 0; round < 200; round++) {
      const bytes = Uint8Array.from({ length: 8 }, () => random.below(256));
      equal(hashOfInteger(new DataView(bytes.buffer).getBigInt64(0, true)), hashOfBytes(bytes), "hash");
    }
  }),

  test("kernel and host hash every length of bytes alike", (context) => {
    const kernel = new KernelInstance(context.kernels, 4 * 1024 * 1024);
    const hash = kernel.exports.mr_hash_bytes as unknown as (at: number, length: number) => number;
    const at = kernel.allocate(512);
    const random = seededPrng(2);
    for (let length = 0; length < 300; length++) {
      const bytes = Uint8Array.from({ length }, () => random.below(256));
      kernel.bytes().set(bytes, at + (length % 7));
      equal(hash(at + (length % 7), length) >>> 0, hashOfBytes(bytes), `hash of ${length} bytes`);
    }
  }),

  test("flipping one bit of an integer key flips each bit of its hash about half of the time", () => {
    const random = seededPrng(3);
    const rounds = 400;
    for (let bit = 0n; bit < 64n; bit++) {
      const flips = new Array<number>(32).fill(0);
      for (let round = 0; round < rounds; round++) {
        const key = (BigInt(random.nextU32()) << 32n) | BigInt(random.nextU32());
        const difference = hashOfInteger(key) ^ hashOfInteger(key ^ (1n << bit));
        for (let out = 0; out < 32; out++) flips[out] = (flips[out] as number) + ((difference >>> out) & 1);
      }
      flips.forEach((count, out) => {
        ok(count > rounds * 0.3 && count < rounds * 0.7, `bit ${bit} flips bit ${out} in ${count} of ${rounds}`);
      });
    }
  }),

  test("consecutive integers and multiples of large steps spread evenly over 128 key groups", () => {
    for (const step of [1n, 8n, 128n, 1000n, 86_400_000n, 2n ** 32n]) {
      const sizes = new Array<number>(128).fill(0);
      for (let index = 0n; index < 12_800n; index++) {
        const group = keyGroupOfHash(hashOfInteger(index * step), 128);
        sizes[group] = (sizes[group] as number) + 1;
      }
      ok(
        Math.min(...sizes) > 50 && Math.max(...sizes) < 160,
        `step ${step}: ${Math.min(...sizes)} to ${Math.max(...sizes)}`,
      );
    }
  }),

  test("the ranges of all subtasks partition the key groups evenly", () => {
    for (const maxParallelism of [1, 2, 7, 128, 1000]) {
      for (let parallelism = 1; parallelism <= Math.min(maxParallelism, 130); parallelism++) {
        let next = 0;
        for (let subtask = 0; subtask < parallelism; subtask++) {
          const range = rangeOfSubtask(maxParallelism, parallelism, subtask);
          equal(range.start, next, "start");
          const size = range.end - range.start;
          const fair = maxParallelism / parallelism;
          ok(
            size >= Math.floor(fair) && size <= Math.ceil(fair),
            `subtask ${subtask} owns ${size} of ${maxParallelism}`,
          );
          for (let group = range.start; group < range.end; group++) {
            equal(subtaskOfKeyGroup(maxParallelism, parallelism, group), subtask, "subtask");
            ok(inRange(range, group), "the group is in its range");
          }
          next = range.end;
        }
        equal(next, maxParallelism, "end");
      }
    }
  }),

  test("the key group of the largest hash exists", () => {
    for (const maxParallelism of [1, 3, 128, 32_768]) {
      equal(keyGroupOfHash(0xffffffff, maxParallelism), maxParallelism - 1, "key group");
      equal(keyGroupOfHash(0, maxParallelism), 0, "key group");
    }
  }),
];
