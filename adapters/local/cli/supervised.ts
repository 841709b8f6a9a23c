// The supervised side of `millrace up`: says on its output that it lives, and ends with its supervisor.

import process from "node:process";

const BEAT_MS = 500;

export const say = (event: Readonly<Record<string, unknown>>): boolean =>
  process.stdout.write(`${JSON.stringify(event)}\n`);

/** Where a supervisor has started this process. */
export function beSupervised(): void {
  if (process.env["MILLRACE_SUPERVISED"] === undefined) return;
  setInterval(() => say({ event: "beat" }), BEAT_MS);
  process.stdin.on("end", () => process.kill(process.pid, "SIGTERM"));
  process.stdin.resume();
}
