// What can go wrong on the way to a libSQL server and back, and what is known of the call's effect afterwards.
//
//   refused      the server answered that it did not carry the call out, for a reason of the call's own
//   busy         the server answered that it did not carry the call out, and would later
//   unreachable  no connection was made, so nothing was sent
//   lost         the connection broke, the time ran out, or something on the way answered: nobody knows
//   denied       the server wants a token, or another one
//   foreign      what answers is no libSQL server

import { externalError, type MillraceError, userError } from "../../src/base/errors.ts";
import { libsqlError } from "./libsql_errors.ts";

export type ServerFailure =
  | { readonly kind: "refused"; readonly code: string; readonly message: string }
  | { readonly kind: "busy" | "unreachable" | "lost" | "denied" | "foreign"; readonly message: string };

/** The server names what has no SQLite code of its own in its own way. */
const STATEMENT_CODES: readonly string[] = [
  "SQLITE_UNKNOWN",
  "SQL_PARSE_ERROR",
  "SQL_NO_STATEMENT",
  "SQL_MANY_STATEMENTS",
  "SQL_INPUT_ERROR",
  "ARGS_INVALID",
  "ARGS_BOTH_POSITIONAL_AND_NAMED",
  "RESPONSE_TOO_LARGE",
];

const BUSY_CODES = /^(SQLITE_BUSY|SQLITE_LOCKED|TRANSACTION_TIMEOUT|TRANSACTION_BUSY|BLOCKED)/;

/** What the sockets of Node (`code`), Bun (`code`) and Deno (text only) say before anything was sent. */
const NOT_CONNECTED =
  /\b(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|ConnectionRefused|FailedToOpenSocket)\b|client error \(Connect\)|dns error/;

export function serverFailure(thrown: unknown): ServerFailure {
  const told = chainOf(thrown);
  const message = told.map((one) => one.message).join(": ") || String(thrown);
  const status = told.find((one) => one.status !== undefined)?.status;
  if (status !== undefined) return answered(status, message);
  const code = told[0]?.code ?? "";
  if (BUSY_CODES.test(code)) return { kind: "busy", message };
  if (STATEMENT_CODES.includes(code)) return { kind: "refused", code: "SQLITE_ERROR", message: plain(message) };
  if (code.startsWith("SQLITE_"))
    return { kind: "refused", code: primary(code), message: plain(told.at(-1)?.message ?? message) };
  if (code === "HRANA_PROTO_ERROR") return { kind: "foreign", message };
  if (told.some((one) => NOT_CONNECTED.test(`${one.code} ${one.message}`))) return { kind: "unreachable", message };
  return { kind: "lost", message };
}

function answered(status: number, message: string): ServerFailure {
  if (status === 401 || status === 403) return { kind: "denied", message };
  if (status === 429 || status === 503) return { kind: "busy", message };
  if (status < 500) return { kind: "foreign", message };
  return { kind: "lost", message };
}

interface Told {
  readonly message: string;
  readonly code: string;
  readonly status: number | undefined;
}

/** The error and its causes; each layer of the client says something of its own. */
function chainOf(thrown: unknown): readonly Told[] {
  const told: Told[] = [];
  for (let one: unknown = thrown; one instanceof Error && told.length < 8; one = one.cause) {
    const { code, status } = one as { code?: unknown; status?: unknown };
    told.push({
      message: one.message,
      code: typeof code === "string" ? code : "",
      status: typeof status === "number" ? status : undefined,
    });
  }
  return told;
}

/** `SQLITE_CONSTRAINT_PRIMARYKEY` is a `SQLITE_CONSTRAINT`. */
const primary = (code: string): string => code.split("_").slice(0, 2).join("_");

const plain = (message: string): string => message.replace(/^((SQLITE_[A-Z_]+|SQL_[A-Z_]+): )+/, "");

/** `write`: whether the call was to change something, which decides what a lost answer means. */
export function serverError(url: string, write: boolean, failure: ServerFailure, cause: unknown): MillraceError {
  const more = { cause };
  const why = failure.message.slice(0, 300);
  switch (failure.kind) {
    case "refused":
      return libsqlError(url, { code: failure.code, message: failure.message });
    case "busy":
      return externalError("store_busy", url, `the store ${url} is too busy to answer: ${why}`, more);
    case "unreachable":
      return externalError("store_unreachable", url, `no connection to the store ${url}: ${why}`, more);
    case "lost":
      if (!write) return externalError("store_unreachable", url, `the store ${url} did not answer: ${why}`, more);
      return externalError(
        "store_outcome_unknown",
        url,
        `the store ${url} did not answer a change, which may have taken effect: ${why}`,
        more,
      );
    case "denied":
      return userError(
        "store_unauthorized",
        url,
        `the store ${url} refuses the token of this deployment (${why}); give it one that the server accepts`,
        more,
      );
    case "foreign":
      return userError("store_address_invalid", url, `what answers at ${url} is no libSQL server: ${why}`, more);
  }
}
