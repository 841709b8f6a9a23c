// Windows and orders as the builder takes them.

import type { Ordered } from "./builder_types.ts";
import { type Duration, durationMs } from "./duration.ts";
import type { HoppingSpec, SessionSpec, TumblingSpec } from "./job_spec.ts";

/** Windows of a fixed length, side by side; `offset` moves their edges. */
export const tumbling = (size: Duration, offset: Duration = 0): TumblingSpec => ({
  kind: "tumbling",
  sizeMs: durationMs(size),
  offsetMs: durationMs(offset),
});

/** Windows of a fixed length, one every `slide`; a row belongs to `size / slide` of them. */
export const hopping = (size: Duration, slide: Duration, offset: Duration = 0): HoppingSpec => ({
  kind: "hopping",
  sizeMs: durationMs(size),
  slideMs: durationMs(slide),
  offsetMs: durationMs(offset),
});

/** Rows of one key that are less than `gap` apart. */
export const session = (gap: Duration): SessionSpec => ({ kind: "session", gapMs: durationMs(gap) });

/** The greatest first. */
export const descending = <const Name extends string>(column: Name): Ordered<Name> => ({ column, descending: true });
