#!/usr/bin/env node
// The command line of Millrace, on Node, Deno and Bun. A command loads what it needs, so that small ones are quick.

import process from "node:process";
import { Command, CommanderError } from "commander";
import { keepCompiled } from "../compile_cache.ts";
import { millraceVersion } from "../version.ts";
import { EXIT, reportError } from "./exit.ts";
import { addRemoteCommands } from "./remote/commands.ts";
import { withCoordinator, withFunctions, withListen, withStore, withUp, withWorker } from "./options.ts";

keepCompiled();

const program = new Command("millrace")
  .description("A stateful stream processor: jobs over event streams, exactly once.")
  .version(millraceVersion())
  .exitOverride()
  .showHelpAfterError("(millrace --help shows what there is)");

/** What the command that was called exits with. */
let status: number = EXIT.done;

withListen(program.command("dev"))
  .description("serve the REST interface; jobs are posted to it, unfinished ones go on")
  .action(async (options) => {
    status = await (await import("./dev.ts")).dev(options);
  });

withStore(program.command("run"))
  .description("run one job to its end: a spec as JSON, or a module whose default export is a job")
  .argument("<file>", "job.json or job.ts")
  .option("--savepoint <file or id>", "start from this savepoint")
  .option("--allow-non-restored-state", "leave behind what of it the job has no place for")
  .action(async (file, options) => {
    status = await (await import("./run.ts")).run(file, options);
  });

withFunctions(program.command("validate"))
  .description("say everything that is wrong with a job")
  .argument("<file>", "job.json or job.ts")
  .option("--json", "write the answer as a line of JSON")
  .action(async (file, options) => {
    status = await (await import("./validate.ts")).validate(file, options);
  });

withListen(program.command("start"))
  .description("serve, and run the flights example: 3,000,000 flights, delays per airport and hour")
  .action(async (options) => {
    status = await (await import("./start.ts")).start(options);
  });

withUp(program.command("up"))
  .description("run coordinators and workers as processes of their own, and replace those that die or hang")
  .action(async (options) => {
    status = await (await import("./up.ts")).up(options);
  });

withCoordinator(program.command("coordinator"))
  .description("one coordinator: leads, or waits to lead; serves the REST interface")
  .action(async (options) => {
    status = await (await import("./coordinator.ts")).coordinator(options);
  });

withWorker(program.command("worker"))
  .description("one worker: runs tasks for the coordinator that leads")
  .action(async (options) => {
    status = await (await import("./worker.ts")).worker(options);
  });

addRemoteCommands(program, async (work) => {
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
