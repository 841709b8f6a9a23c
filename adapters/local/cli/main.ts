#!/usr/bin/env node
// The command line of Millrace, on Node, Deno and Bun.

import process from "node:process";
import { CommanderError } from "commander";
import { keepCompiled } from "../compile_cache.ts";
import { EXIT, reportError } from "./exit.ts";
import { commandLine } from "./program.ts";

keepCompiled();

/** What the command that was called exits with. */
let status: number = EXIT.done;
const program = commandLine(async (work) => {
  status = await work;
});

const wantsJson = process.argv.includes("--json");

process.on("unhandledRejection", (thrown) => {
  process.exit(reportError(thrown, wantsJson));
});

try {
  await program.parseAsync(process.argv);
} catch (thrown) {
  // Commander has said what was wrong with the arguments; help and version end here too.
  status =
    thrown instanceof CommanderError
      ? thrown.exitCode === 0
        ? EXIT.done
        : EXIT.usage
      : reportError(thrown, wantsJson);
}
process.exit(status);
