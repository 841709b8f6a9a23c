// The commands and options that there are. A command loads what it needs, so that small ones are quick.

import { Command } from "commander";
import { millraceVersion } from "../version.ts";
import { withCoordinator, withFunctions, withListen, withStore, withUp, withWorker } from "./options.ts";
import { addRemoteCommands } from "./remote/commands.ts";

/** @param ends waits for a command, and keeps what the program is to exit with */
export function commandLine(ends: (work: Promise<number>) => Promise<void>): Command {
  const program = new Command("millrace")
    .description("A stateful stream processor: jobs over event streams, exactly once.")
    .version(millraceVersion())
    .exitOverride()
    .showHelpAfterError("(millrace --help shows what there is)");

  withListen(program.command("dev"))
    .description("serve the REST interface; jobs are posted to it, unfinished ones go on")
    .action((options) => ends(import("./dev.ts").then(({ dev }) => dev(options))));

  withStore(program.command("run"))
    .description("run one job to its end: a spec as JSON, or a module whose default export is a job")
    .argument("<file>", "job.json or job.ts")
    .option("--savepoint <file or id>", "start from this savepoint")
    .option("--allow-non-restored-state", "leave behind what of it the job has no place for")
    .action((file, options) => ends(import("./run.ts").then(({ run }) => run(file, options))));

  withFunctions(program.command("validate"))
    .description("say everything that is wrong with a job")
    .argument("<file>", "job.json or job.ts")
    .option("--json", "write the answer as a line of JSON")
    .action((file, options) => ends(import("./validate.ts").then(({ validate }) => validate(file, options))));

  withListen(program.command("start"))
    .description("serve, and run the flights example: 3,000,000 flights, delays per airport and hour")
    .action((options) => ends(import("./start.ts").then(({ start }) => start(options))));

  withUp(program.command("up"))
    .description("run coordinators and workers as processes of their own, and replace those that die or hang")
    .action((options) => ends(import("./up.ts").then(({ up }) => up(options))));

  withCoordinator(program.command("coordinator"))
    .description("one coordinator: leads, or waits to lead; serves the REST interface")
    .action((options) => ends(import("./coordinator.ts").then(({ coordinator }) => coordinator(options))));

  withWorker(program.command("worker"))
    .description("one worker: runs tasks for the coordinator that leads")
    .action((options) => ends(import("./worker.ts").then(({ worker }) => worker(options))));

  addRemoteCommands(program, ends);
  return program;
}
