// The processes that this one has started, as the kernel of a Linux machine lists them.

import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";

/** Ids of the living children whose program has this name. */
export function childrenNamed(name: string): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => {
      const stat = statOf(pid);
      return stat !== undefined && stat.parent === process.pid && stat.name === name && stat.state !== "Z";
    });
}

function statOf(pid: number): { name: string; state: string; parent: number } | undefined {
  try {
    const match = /^\d+ \((.*)\) (\S) (\d+) /s.exec(readFileSync(`/proc/${pid}/stat`, "utf8"));
    if (match === null) return undefined;
    return { name: match[1] ?? "", state: match[2] ?? "", parent: Number(match[3]) };
  } catch {
    return undefined; // It ended while the list was read.
  }
}
