// Assertions state invariants of the code itself and stay on in production.
// What a user, a disk or a network can cause is never an assertion: throw a MillraceError instead.

/** A broken invariant: always a bug in Millrace, never the user's fault. */
export class AssertionError extends Error {
  override name = "AssertionError";
}

/** Throws AssertionError unless `condition` holds; `what` states the invariant that was broken. */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new AssertionError(`invariant broken: ${what}`);
}

/** Unwraps a value that the surrounding code has made sure exists. */
export function present<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) throw new AssertionError(`invariant broken: ${what} is missing`);
  return value;
}

/** Makes a switch over a tagged union exhaustive at compile time and fail loudly at run time. */
export function unreachable(value: never): never {
  throw new AssertionError(`invariant broken: unexpected case ${JSON.stringify(value)}`);
}
