// Errors as answers: always JSON {code, message, where, fault, retry}, with the status that fits.

import type { Context } from "hono";
import { asMillraceError, type MillraceError } from "../base/errors.ts";
import type { LogSink } from "../platform/ports.ts";
import { type ErrorStatus, statusOf } from "./log_protocol.ts";

type Status = ErrorStatus | 401 | 405;

const STATUS_OF_CODE: Readonly<Record<string, Status>> = {
  unauthorized: 401,
  host_not_allowed: 403,
  origin_not_allowed: 403,
  not_found: 404,
  job_unknown: 404,
  savepoint_unknown: 404,
  table_unknown: 404,
  method_not_allowed: 405,
  job_not_running: 409,
  savepoint_in_progress: 409,
  savepoint_not_complete: 409,
  savepoint_not_deleted: 409,
  savepoint_taken: 409,
  content_type_unsupported: 415,
  disk_full: 507,
  store_full: 507,
};

/** The web's Response, as Hono makes it. */
export type Answer = ReturnType<Context["newResponse"]>;

export const statusOfError = (error: MillraceError): Status => STATUS_OF_CODE[error.code] ?? statusOf(error);

export function answerError(c: Context, thrown: unknown, log: LogSink): Answer {
  const error = asMillraceError(thrown, `${c.req.method} ${c.req.path.slice(0, 200)}`);
  const status = statusOfError(error);
  if (status === 500) log.write("error", error.message, { code: error.code, where: error.where });
  if (status === 503) c.header("Retry-After", "1");
  if (status === 401) c.header("WWW-Authenticate", 'Bearer realm="millrace"');
  return c.json(error.toJSON(), status);
}
