// A polite end: the first SIGINT or SIGTERM asks the work to stop, a second one ends the process at once.

import process from "node:process";
import { EXIT } from "./exit.ts";

export type StopSignal = "SIGINT" | "SIGTERM";

export const exitCodeOfSignal = (signal: StopSignal): number =>
  signal === "SIGINT" ? EXIT.interrupted : EXIT.terminated;

/** Resolves with the first signal. */
export function firstSignal(): Promise<StopSignal> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => {
        if (asked) process.exit(exitCodeOfSignal(signal));
        asked = true;
        resolve(signal);
      });
    }
  });
}
