// Savepoints over REST: taken asynchronously as Flink does it, listed, downloaded, uploaded.

import type { Context } from "hono";
import { asMillraceError, type MillraceError, userError } from "../base/errors.ts";
import { readBody } from "./body_reader.ts";
import type { Answer } from "./error_answer.ts";
import { savepointOperation } from "./flink_json.ts";
import type { JobGateway, SavepointRecord } from "./gateway.ts";
import { jobIdOf } from "./job_routes.ts";
import { mediaTypeOf, readJson } from "./json_body.ts";
import type { Route } from "./route.ts";

export interface SavepointRouteDeps {
  readonly jobs: JobGateway;
  readonly savepointBytesMax: number;
}

const TRIGGER_BYTES_MAX = 16 * 1024;

export function savepointRoutes({ jobs, savepointBytesMax }: SavepointRouteDeps): Route[] {
  return [
    { method: "POST", path: "/v1/jobs/:jobid/savepoints", handle: (c) => trigger(c, jobs) },
    { method: "GET", path: "/v1/jobs/:jobid/savepoints/:triggerid", handle: (c) => poll(c, jobs) },
    { method: "POST", path: "/v1/jobs/:jobid/stop", handle: (c) => stop(c, jobs) },
    {
      method: "GET",
      path: "/v1/savepoints",
      handle: async (c) => c.json({ savepoints: (await jobs.savepoints()).map(savepointJson) }),
    },
    { method: "POST", path: "/v1/savepoints", handle: (c) => upload(c, jobs, savepointBytesMax) },
    {
      method: "GET",
      path: "/v1/savepoints/:savepoint",
      handle: async (c) => c.json(savepointJson(await jobs.savepoint(savepointOf(c, "savepoint")))),
    },
    { method: "GET", path: "/v1/savepoints/:savepoint/file", handle: (c) => download(c, jobs) },
  ];
}

const savepointJson = (record: SavepointRecord) => ({
  savepoint: record.savepoint,
  jobid: record.jobId,
  "job-name": record.jobName,
  status: record.status,
  checkpoint: record.checkpoint,
  bytes: record.byteLength,
  "created-at": record.createdAtMs,
  error: record.error,
});

const SAVEPOINT = /^[0-9a-f]{1,64}$/;

function savepointOf(c: Context, parameter: string): string {
  const savepoint = c.req.param(parameter) ?? "";
  if (SAVEPOINT.test(savepoint)) return savepoint;
  const shown = JSON.stringify(savepoint.slice(0, 64));
  throw userError("savepoint_unknown", `savepoint ${shown}`, `there is no savepoint ${shown}`);
}

const isBoolean = (value: unknown): boolean => typeof value === "boolean" || value === null;

/** Flink's fields, with the values that this deployment can serve. */
const COMMON_FIELDS: Readonly<Record<string, (value: unknown) => boolean>> = {
  formatType: (value) => value === "CANONICAL" || value === "NATIVE" || value === null,
  triggerId: (value) => value === null,
};
const TRIGGER_FIELDS = {
  ...COMMON_FIELDS,
  "target-directory": (value: unknown) => value === null,
  "cancel-job": isBoolean,
};
const STOP_FIELDS = { ...COMMON_FIELDS, targetDirectory: (value: unknown) => value === null, drain: isBoolean };

async function bodyOf(
  c: Context,
  fields: Readonly<Record<string, (value: unknown) => boolean>>,
): Promise<Readonly<Record<string, unknown>>> {
  const body = (await readJson(c, TRIGGER_BYTES_MAX)) ?? {};
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw userError("body_invalid", "request body", "the body is no object; {} would be right");
  }
  for (const [field, value] of Object.entries(body)) {
    if (Object.hasOwn(fields, field) && fields[field]?.(value) === true) continue;
    const known = Object.keys(fields).join(", ");
    const message = `${JSON.stringify(field.slice(0, 64))} is not served here with that value (known are ${known}): a savepoint is kept by the deployment and downloaded from it`;
    throw userError("body_invalid", "request body", message);
  }
  return body as Readonly<Record<string, unknown>>;
}

async function trigger(c: Context, jobs: JobGateway): Promise<Answer> {
  const jobId = jobIdOf(c);
  const body = await bodyOf(c, TRIGGER_FIELDS);
  const record = body["cancel-job"] === true ? await jobs.stop(jobId, false) : await jobs.triggerSavepoint(jobId);
  return c.json({ "request-id": record.savepoint }, 202);
}

async function stop(c: Context, jobs: JobGateway): Promise<Answer> {
  const jobId = jobIdOf(c);
  const body = await bodyOf(c, STOP_FIELDS);
  const record = await jobs.stop(jobId, body["drain"] === true);
  return c.json({ "request-id": record.savepoint }, 202);
}

async function poll(c: Context, jobs: JobGateway): Promise<Answer> {
  const jobId = jobIdOf(c);
  const savepoint = savepointOf(c, "triggerid");
  const record = await jobs.savepoint(savepoint);
  if (record.jobId !== jobId) {
    throw userError("savepoint_unknown", `savepoint ${savepoint}`, `job ${jobId} has no savepoint ${savepoint}`);
  }
  return c.json(savepointOperation(record));
}

async function upload(c: Context, jobs: JobGateway, bytesMax: number): Promise<Answer> {
  const type = mediaTypeOf(c);
  if (type !== "application/octet-stream") {
    const message = `the body is ${JSON.stringify(type.slice(0, 80))}; application/octet-stream would be right`;
    throw userError("content_type_unsupported", "header Content-Type", message);
  }
  const bytes = await readBody(c.req.raw, bytesMax, "uploaded savepoint");
  let record: SavepointRecord;
  try {
    record = await jobs.importSavepoint(bytes);
  } catch (thrown) {
    throw ofTheSender(asMillraceError(thrown, "uploaded savepoint"));
  }
  c.header("Location", `/v1/savepoints/${record.savepoint}`);
  return c.json(savepointJson(record), 201);
}

/** Bytes that are no savepoint are corruption where they were stored; in a request they are the sender's mistake. */
const ofTheSender = (error: MillraceError): MillraceError =>
  error.fault === "external" && error.retry === "none"
    ? userError(error.code, error.where, error.message, { cause: error })
    : error;

async function download(c: Context, jobs: JobGateway): Promise<Answer> {
  const savepoint = savepointOf(c, "savepoint");
  const bytes = await jobs.savepointBytes(savepoint);
  c.header("Content-Type", "application/octet-stream");
  c.header("Content-Disposition", `attachment; filename="${savepoint}.millrace-savepoint"`);
  return c.body(bytes as Uint8Array<ArrayBuffer>);
}
