// Savepoints over REST: taken asynchronously as Flink does it, listed, named, deleted, downloaded, uploaded.

import type { Context } from "hono";
import { asMillraceError, type MillraceError, userError } from "../base/errors.ts";
import { readBody } from "./body_reader.ts";
import type { Answer } from "./error_answer.ts";
import { savepointOperation } from "./flink_json.ts";
import type { JobGateway, SavepointRecord } from "./gateway.ts";
import { jobIdOf } from "./job_routes.ts";
import { mediaTypeOf } from "./json_body.ts";
import type { Route } from "./route.ts";
import { contentsJson, savepointJson } from "./savepoint_json.ts";
import { disposalBody, labelBody, stopBody, triggerBody } from "./savepoint_bodies.ts";

export interface SavepointRouteDeps {
  readonly jobs: JobGateway;
  readonly savepointBytesMax: number;
}

export function savepointRoutes({ jobs, savepointBytesMax }: SavepointRouteDeps): Route[] {
  return [
    { method: "POST", path: "/v1/jobs/:jobid/savepoints", handle: (c) => trigger(c, jobs) },
    { method: "GET", path: "/v1/jobs/:jobid/savepoints/:triggerid", handle: (c) => poll(c, jobs) },
    { method: "POST", path: "/v1/jobs/:jobid/stop", handle: (c) => stop(c, jobs) },
    { method: "GET", path: "/v1/savepoints", handle: (c) => list(c, jobs) },
    { method: "POST", path: "/v1/savepoints", handle: (c) => upload(c, jobs, savepointBytesMax) },
    {
      method: "GET",
      path: "/v1/savepoints/:savepoint",
      handle: async (c) => c.json(savepointJson(await jobs.savepoint(savepointOf(c, "savepoint")))),
    },
    {
      method: "GET",
      path: "/v1/savepoints/:savepoint/contents",
      handle: async (c) => c.json(contentsJson(await jobs.savepointContents(savepointOf(c, "savepoint")))),
    },
    {
      method: "PATCH",
      path: "/v1/savepoints/:savepoint",
      handle: async (c) =>
        c.json(savepointJson(await jobs.labelSavepoint(savepointOf(c, "savepoint"), await labelBody(c)))),
    },
    { method: "DELETE", path: "/v1/savepoints/:savepoint", handle: (c) => remove(c, jobs) },
    { method: "GET", path: "/v1/savepoints/:savepoint/file", handle: (c) => download(c, jobs) },
    { method: "POST", path: "/v1/savepoint-disposal", handle: (c) => dispose(c, jobs) },
    { method: "GET", path: "/v1/savepoint-disposal/:triggerid", handle: (c) => disposal(c, jobs) },
  ];
}

const SAVEPOINT = /^[0-9a-f]{1,64}$/;

const savepointOf = (c: Context, parameter: string): string => asSavepoint(c.req.param(parameter) ?? "");

function asSavepoint(savepoint: string): string {
  if (SAVEPOINT.test(savepoint)) return savepoint;
  const shown = JSON.stringify(savepoint.slice(0, 64));
  throw userError("savepoint_unknown", `savepoint ${shown}`, `there is no savepoint ${shown}`);
}

async function trigger(c: Context, jobs: JobGateway): Promise<Answer> {
  const jobId = jobIdOf(c);
  const { stops, request } = await triggerBody(c);
  const record = await (stops ? jobs.stop(jobId, false, request) : jobs.triggerSavepoint(jobId, request));
  return c.json({ "request-id": record.savepoint }, 202);
}

async function stop(c: Context, jobs: JobGateway): Promise<Answer> {
  const jobId = jobIdOf(c);
  const { drain, request } = await stopBody(c);
  const record = await jobs.stop(jobId, drain, request);
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

/** Oldest first. */
async function list(c: Context, jobs: JobGateway): Promise<Answer> {
  const all = (await jobs.savepoints()).toSorted((left, right) => left.createdAtMs - right.createdAtMs);
  const jobId = c.req.query("jobid");
  const wanted = jobId === undefined ? all : all.filter((one) => one.jobId === jobId);
  return c.json({ savepoints: wanted.map(savepointJson) });
}

async function remove(c: Context, jobs: JobGateway): Promise<Answer> {
  await jobs.deleteSavepoint(savepointOf(c, "savepoint"));
  return c.json({});
}

/** Flink's way to delete one. It has happened when this answers, but for the file; so the request is the savepoint. */
async function dispose(c: Context, jobs: JobGateway): Promise<Answer> {
  const savepoint = asSavepoint(await disposalBody(c));
  await jobs.deleteSavepoint(savepoint);
  return c.json({ "request-id": savepoint }, 202);
}

async function disposal(c: Context, jobs: JobGateway): Promise<Answer> {
  const savepoint = savepointOf(c, "triggerid");
  switch (await jobs.savepointDeletion(savepoint)) {
    case "NOT_DELETED":
      throw userError("savepoint_not_deleted", `savepoint ${savepoint}`, "nobody has asked for it to be deleted");
    case "FILES_LEFT":
      return c.json({ status: { id: "IN_PROGRESS" }, operation: null });
    case "GONE":
      return c.json({ status: { id: "COMPLETED" }, operation: {} });
  }
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
