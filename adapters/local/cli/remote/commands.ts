// The commands that ask a server, as the command line has them.

import type { Command } from "commander";
import { withServer } from "./connect.ts";

type Ends = (work: Promise<number>) => Promise<void>;

const withLabel = (command: Command): Command =>
  command
    .option("--name <text>", "what it is called; one with a name is never given up")
    .option("--notes <text>", "for people")
    .option("--archive", "move it to the archive of the deployment");

/** @param ends waits for a command, and keeps what the program is to exit with */
export function addRemoteCommands(program: Command, ends: Ends): void {
  addJobCommands(program, ends);
  addSavepointCommands(program, ends);
}

function addJobCommands(program: Command, ends: Ends): void {
  const jobs = () => import("./jobs.ts");
  const restoring = (command: Command): Command =>
    command.option("--allow-non-restored-state", "leave behind what of the savepoint the job has no place for");
  restoring(withServer(program.command("submit")))
    .description("start a job on a server")
    .argument("<file>", "job.json or job.ts")
    .option("--savepoint <file or id>", "start from this savepoint")
    .option("--claim", "the savepoint is the job's from then on: it is deleted on the server")
    .action((file, options) => ends(jobs().then(({ submit }) => submit(file, options))));
  restoring(withServer(program.command("check")))
    .description("say what would become of each part of a savepoint; start nothing")
    .argument("<file>", "job.json or job.ts")
    .requiredOption("--savepoint <file or id>", "the savepoint")
    .action((file, options) => ends(jobs().then(({ check }) => check(file, options))));
  withServer(program.command("list"))
    .description("the jobs at work")
    .option("--all", "those that have ended, too")
    .action((options) => ends(jobs().then(({ list }) => list(options))));
  withServer(program.command("show"))
    .description("one job: state, rows, tasks, the latest failure")
    .argument("<job>", "its id, the beginning of that, or its name")
    .action((job, options) => ends(jobs().then(({ show }) => show(job, options))));
  withServer(program.command("cancel"))
    .description("cancel a job; what it has committed stays")
    .argument("<job>", "its id, the beginning of that, or its name")
    .action((job, options) => ends(jobs().then(({ cancel }) => cancel(job, options))));
}

function addSavepointCommands(program: Command, ends: Ends): void {
  const savepoints = () => import("./savepoints.ts");
  withLabel(withServer(program.command("stop")))
    .description("end a job with a savepoint")
    .argument("<job>", "its id, the beginning of that, or its name")
    .option("--drain", "let time end first, so that all windows and timers fire: for a job that will not go on")
    .action((job, options) => ends(savepoints().then(({ stop }) => stop(job, options))));
  const group = program
    .command("savepoint")
    .description("savepoints: take, list, inspect, export, diff, label, delete, download, upload");
  withLabel(withServer(group.command("take")))
    .description("take one of a job at work, and wait until it is complete")
    .argument("<job>", "its id, the beginning of that, or its name")
    .action((job, options) => ends(savepoints().then(({ take }) => take(job, options))));
  withServer(group.command("list"))
    .description("all of them, or those of a job")
    .argument("[job]", "its id, the beginning of that, or its name")
    .action((job, options) => ends(savepoints().then(({ list }) => list(job, options))));
  withServer(group.command("inspect"))
    .description("what is in one: positions, and the rows, bytes and columns of every state")
    .argument("<savepoint>")
    .action((savepoint, options) => ends(savepoints().then(({ inspect }) => inspect(savepoint, options))));
  withLabel(withServer(group.command("label")))
    .description("name one, note something, or have it archived")
    .argument("<savepoint>")
    .action((savepoint, options) => ends(savepoints().then(({ label }) => label(savepoint, options))));
  withServer(group.command("delete"))
    .description("delete one with its file")
    .argument("<savepoint>")
    .action((savepoint, options) => ends(savepoints().then(({ remove }) => remove(savepoint, options))));
  const look = () => import("./look.ts");
  withServer(group.command("export"))
    .description("write its state as a SQLite database, a typed table for each state")
    .argument("<savepoint>", "its id, or a file")
    .requiredOption("--sqlite <file>", "the database to write")
    .action((savepoint, options) => ends(look().then(({ exportTables }) => exportTables(savepoint, options))));
  withServer(group.command("diff"))
    .description("what differs between two: rows of each state, positions of the sources")
    .argument("<left>", "an id, or a file")
    .argument("<right>", "an id, or a file")
    .action((left, right, options) => ends(look().then(({ diff }) => diff(left, right, options))));
  withServer(group.command("download"))
    .description("write its file here")
    .argument("<savepoint>")
    .argument("[file]", "what the file is to be called")
    .action((savepoint, file, options) =>
      ends(savepoints().then(({ download }) => download(savepoint, file, options))),
    );
  withServer(group.command("upload"))
    .description("give a server the file of one")
    .argument("<file>")
    .action((file, options) => ends(savepoints().then(({ upload }) => upload(file, options))));
}
