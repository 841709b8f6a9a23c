// How this very program is started once more, on the runtime that it runs on.

import process from "node:process";
import { fileURLToPath } from "node:url";
import { detectRuntime } from "../runtime.ts";

export function cliCommand(): [program: string, ...args: string[]] {
  const ending = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
  const main = fileURLToPath(new URL(`../cli/main${ending}`, import.meta.url));
  if (detectRuntime().name === "deno") return [process.execPath, "run", "-A", "--no-lock", main];
  return [process.execPath, ...process.execArgv, main];
}
