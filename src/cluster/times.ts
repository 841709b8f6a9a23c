// How long the processes of a deployment wait for one another.

import { userError } from "../base/errors.ts";

export interface ClusterTimes {
  /** How often each side of a link says that it lives. */
  readonly beatMs: number;
  /** A process that has not been heard for so long is given up. */
  readonly silenceMs: number;
  /** Tasks wait so long for as many free slots as they want, then take what there is. */
  readonly settleMs: number;
  /** Tasks wait so long for any worker at all, then fail. */
  readonly waitMs: number;
  /** A line between two workers is lost when it could not be opened again for so long. */
  readonly absenceMs: number;
  /** Before what failed is tried again. */
  readonly retryMs: number;
  /** A task that does not end by itself within this time costs its worker the link. */
  readonly destroyMs: number;
}

export const defaultClusterTimes: ClusterTimes = {
  beatMs: 250,
  silenceMs: 3_000,
  settleMs: 1_000,
  waitMs: 60_000,
  absenceMs: 10_000,
  retryMs: 100,
  destroyMs: 10_000,
};

/** One beat may be late, and one may be lost, before a process is given up that lives. */
const BEATS_IN_SILENCE_MIN = 3;

/** The defaults with what was given; throws `times_contradictory` where no process could stay alive under them. */
export function clusterTimes(given: Partial<ClusterTimes> = {}): ClusterTimes {
  const times = { ...defaultClusterTimes, ...given };
  const { beatMs, silenceMs } = times;
  if (silenceMs >= BEATS_IN_SILENCE_MIN * beatMs) return times;
  throw userError(
    "times_contradictory",
    "cluster times",
    `processes say every ${beatMs} ms that they live and are given up after ${silenceMs} ms of silence; ` +
      `at least ${BEATS_IN_SILENCE_MIN * beatMs} ms of silence would be right, or a shorter beat`,
  );
}
