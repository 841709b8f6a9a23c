// Makes a violated seed smaller: without fault kinds, rows and processes that the violation does not need.
//
// Leaving something out changes all that is drawn after it, so each try is a life of its own, and any violation counts.

import { faultKinds } from "./faults.ts";
import { noLimits, runSeed, type SeedLimits, type SimEnvironment } from "./run_seed.ts";

const ROWS_LEAST = 60;

/** @param over called after each try. */
export async function shrink(
  seed: number,
  environment: SimEnvironment,
  over: () => void,
): Promise<{ readonly limits: SeedLimits; readonly violation: string | undefined }> {
  let limits = noLimits;
  let { violation } = await runSeed(seed, environment, limits);
  over();
  const keep = async (smaller: SeedLimits): Promise<boolean> => {
    const found = await runSeed(seed, environment, smaller);
    over();
    if (found.violation === undefined) return false;
    limits = smaller;
    violation = found.violation;
    return true;
  };
  if (violation === undefined) return { limits, violation };
  for (const kind of faultKinds) await keep({ ...limits, without: [...limits.without, kind] });
  const whileItFails = async (smaller: () => SeedLimits | undefined): Promise<void> => {
    for (let next = smaller(); next !== undefined && (await keep(next)); ) next = smaller();
  };
  await whileItFails(() =>
    limits.rowsMin <= ROWS_LEAST ? undefined : { ...limits, rowsMin: Math.floor(limits.rowsMin / 2) },
  );
  await whileItFails(() => (limits.workersMax === 0 ? undefined : { ...limits, workersMax: limits.workersMax - 1 }));
  await whileItFails(() =>
    limits.coordinatorsMax === 1 ? undefined : { ...limits, coordinatorsMax: limits.coordinatorsMax - 1 },
  );
  return { limits, violation };
}
