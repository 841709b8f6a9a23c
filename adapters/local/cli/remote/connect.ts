// Commands that ask a server: where it is, with which token, and what people call a job.

import { join } from "node:path";
import process from "node:process";
import type { Command } from "commander";
import { MillraceClient } from "../../../../src/client/client.ts";
import { userError } from "../../../../src/base/errors.ts";
import { readSecret, readSecretIfAny } from "../../secrets.ts";

export interface ConnectOptions {
  readonly server: string;
  readonly directory: string;
  readonly token?: string;
  readonly json?: boolean;
}

export const withServer = (command: Command): Command =>
  command
    .option("--server <url>", "the server to ask", process.env["MILLRACE_SERVER"] ?? "http://127.0.0.1:8081")
    .option("--token <reference>", "where its token is: env:NAME or file:/path (default: env:MILLRACE_TOKEN)")
    .option("--directory <path>", "of a server on this machine, where its token is otherwise", ".millrace")
    .option("--json", "write the answer as a line of JSON");

export function connect({ server, token, directory }: ConnectOptions): MillraceClient {
  return new MillraceClient({ url: serverUrl(server), token: tokenFor(token, directory), fetch });
}

function serverUrl(text: string): string {
  const url = URL.parse(text);
  if (url !== null && ["http:", "https:"].includes(url.protocol)) return url.href;
  throw userError(
    "server_invalid",
    "--server",
    `${text} is no address of a server; http://127.0.0.1:8081 would be one`,
  );
}

function tokenFor(reference: string | undefined, directory: string): string {
  if (reference !== undefined) return readSecret(reference);
  const found = readSecretIfAny("env:MILLRACE_TOKEN") ?? readSecretIfAny(`file:${join(directory, "token")}`);
  if (found !== undefined) return found;
  const message = `no token: set MILLRACE_TOKEN, say --token, or name the server's directory (${join(directory, "token")} is not there)`;
  throw userError("secret_missing", "--token", message);
}

/** The id of the one job that is meant: by its id, a beginning of that, or its name. Jobs at work come first. */
export async function jobCalled(client: MillraceClient, text: string): Promise<string> {
  const jobs = await client.jobs();
  const called = jobs.filter((job) => job.name === text || (text.length >= 4 && job.jid.startsWith(text)));
  const open = called.filter((job) => job["end-time"] === -1);
  const [found, another] = open.length > 0 ? open : called;
  if (found === undefined) throw userError("job_unknown", `job ${text}`, `there is no job "${text}"`);
  if (another === undefined) return found.jid;
  const ids = called.map((job) => job.jid).join(", ");
  throw userError("job_ambiguous", `job ${text}`, `several jobs are called so: ${ids}; say which`);
}

/** One line of JSON, or the lines for people. */
export function print(options: ConnectOptions, answer: object, lines: () => readonly string[]): void {
  const text = options.json === true ? [JSON.stringify(answer)] : lines();
  process.stdout.write(text.map((line) => `${line}\n`).join(""));
}
