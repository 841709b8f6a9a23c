// Text and hex of bytes, and the memory of kernels: what is short, common or fresh takes a way of its own, unseen.

import { hexOf, utf8 } from "../../src/base/bytes.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import { type Case, test } from "../case.ts";
import { equal, ok } from "../expect.ts";

/** Of every length about the border between short and long, with what is not ASCII at either end. */
function texts(): string[] {
  const lengths = [0, 1, 2, 62, 63, 64, 65, 66, 200];
  const pieces = ["", "é", "ключ", "\u{1f30a}", "\ud800", "\udc00x", "\u007f\u0080", "\0"];
  return lengths.flatMap((length) =>
    pieces.flatMap((piece) => ["a".repeat(length) + piece, piece + "b".repeat(length)]),
  );
}

export const cases: readonly Case[] = [
  test("text of any length and script is encoded as the runtime encodes it", () => {
    for (const text of texts()) equal([...utf8(text)], [...new TextEncoder().encode(text)]);
  }),

  test("every byte has two hex digits", () => {
    const bytes = Uint8Array.from({ length: 256 }, (_none, byte) => byte);
    const text = hexOf(bytes);
    equal(text.length, 512);
    for (const byte of bytes) equal(Number.parseInt(text.slice(byte * 2, byte * 2 + 2), 16), byte);
    equal(text.slice(18, 34), "090a0b0c0d0e0f10");
  }),

  test("allocated memory is zero, whether nobody had it before or somebody wrote to it", ({ kernels }) => {
    const kernel = new KernelInstance(kernels, 8 * 1024 * 1024);
    const seen = new Set<number>();
    let again = 0;
    for (let round = 0; round < 4; round++) {
      // The largest makes the memory grow.
      const blocks = [16, 24, 100, 4_096, 70_000, 1_500_000].map((bytes) => ({ bytes, at: kernel.allocate(bytes) }));
      for (const { bytes, at } of blocks) {
        const block = kernel.bytes().subarray(at, at + bytes);
        ok(
          block.every((byte) => byte === 0),
          `${bytes} bytes at ${at} are zero`,
        );
        block.fill(0xff);
        if (seen.has(at)) again++;
        seen.add(at);
      }
      for (const { bytes, at } of blocks) kernel.free(at, bytes);
    }
    equal(again, 18, "blocks handed out again");
  }),
];
