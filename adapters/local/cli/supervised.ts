// How a process of a deployment hears that it has to end, and what it says of itself: to its supervisor where it has one
// (`millrace up`), else to whoever has started it.
//
//   alone        SIGTERM: term    SIGINT: stop     a second signal ends it at once
//   supervised   the same, and a line on its input that says `term` or `stop`; signals are not counted, since whoever
//                signals a whole group of processes reaches it twice
//
// Invariant: it does not outlive its supervisor. When the input ends it stops, and where that takes long it is gone.

import process from "node:process";
import { createInterface } from "node:readline";
import { EXIT } from "./exit.ts";
import { firstSignal } from "./signals.ts";

/** `term`: for good, or for a while: what it does is to be handed over or put away. `stop`: at once. */
export type Ending = "term" | "stop";

const BEAT_MS = 500;
const ORPHAN_MS = 15_000;

export const say = (event: Readonly<Record<string, unknown>>): boolean =>
  process.stdout.write(`${JSON.stringify(event)}\n`);

const isSupervised = (): boolean => process.env["MILLRACE_SUPERVISED"] !== undefined;

/** To be called before anything that takes time. */
export async function askedToEnd(): Promise<Ending> {
  if (!isSupervised()) return (await firstSignal()) === "SIGTERM" ? "term" : "stop";
  return await new Promise((resolve) => {
    process.on("SIGTERM", () => resolve("term"));
    process.on("SIGINT", () => resolve("stop"));
    // Whoever reads what it says may be gone as well, which is no reason to end otherwise.
    process.stdout.on("error", () => resolve("stop"));
    const input = createInterface({ input: process.stdin });
    input.on("line", (line) => {
      if (line === "term" || line === "stop") resolve(line);
    });
    input.on("close", () => {
      resolve("stop");
      setTimeout(() => process.exit(EXIT.terminated), ORPHAN_MS);
    });
  });
}

/** From here on a supervisor hears that this process lives. */
export function sayThatItLives(): void {
  if (isSupervised()) setInterval(() => say({ event: "beat" }), BEAT_MS);
}
