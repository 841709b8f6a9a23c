// How a command ends: its exit status, and its error in words. People get no stack traces.
//
//   0  done, or the job FINISHED          2  wrong usage, spec or input file
//   1  the job FAILED or was CANCELED     3  store, port or disk cannot be used
//   130, 143  stopped by SIGINT, SIGTERM  70 a fault of Millrace itself

import process from "node:process";
import { asMillraceError, type MillraceError } from "../../../src/base/errors.ts";
import { type Problem, problemText } from "../../../src/expression/problem.ts";

export const EXIT = {
  done: 0,
  jobFailed: 1,
  usage: 2,
  environment: 3,
  internal: 70,
  interrupted: 130,
  terminated: 143,
};

/** What is about the place where the command runs, though the caller can mend it. */
const ENVIRONMENT = new Set([
  "store_in_use",
  "store_unauthorized",
  "store_address_invalid",
  "secret_missing",
  "port_taken",
  "port_not_permitted",
  "host_not_available",
  "token_invalid",
  "file_not_permitted",
]);

export function exitCodeOf(error: MillraceError): number {
  if (ENVIRONMENT.has(error.code) || error.fault === "external") return EXIT.environment;
  return error.fault === "user" ? EXIT.usage : EXIT.internal;
}

/** `error [code] where: message`; a message of several lines is indented below. */
export function errorText(error: MillraceError): string {
  const lines = error.message.split("\n");
  const place = error.where === "" ? "" : ` ${error.where}`;
  if (lines.length === 1) return `error [${error.code}]${place}: ${lines[0]}`;
  return [`error [${error.code}]${place}:`, ...lines.map((line) => `  ${line}`)].join("\n");
}

export const problemsText = (problems: readonly Problem[]): string =>
  problems.map((one) => `  ${problemText(one)}`).join("\n");

/** Says what went wrong, as text on the error stream or as an event on the output. */
export function reportError(thrown: unknown, json: boolean, problems: readonly Problem[] = []): number {
  const error = asMillraceError(thrown, "millrace");
  if (json) {
    const more = problems.length === 0 ? {} : { problems };
    process.stdout.write(`${JSON.stringify({ event: "error", ...error.toJSON(), ...more })}\n`);
  } else process.stderr.write(`${errorText(error)}\n`);
  if (error.fault === "internal" && process.env["MILLRACE_DEBUG"] !== undefined) console.error(thrown);
  return exitCodeOf(error);
}
