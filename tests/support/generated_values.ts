// The documented values of the generator source, computed apart from it, for what tests expect of jobs that read it.
//
// word(seed, column, row) is the row's 32 bits of a declared column, by its position; a key or a number below n is
// below(word, n).

export const below = (word32: number, bound: number): number => Math.floor((word32 * bound) / 2 ** 32);

function scramble(bits: number): number {
  let mixed = bits >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

export const word = (seed: number, column: number, row: number): number =>
  scramble(scramble(scramble(seed) + Math.imul(column * 2 + 1, 0x9e3779b1)) ^ scramble(row));
