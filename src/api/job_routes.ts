// Jobs over REST: Flink's paths and JSON for what Flink has, and posting a spec, which it has not.

import type { Context } from "hono";
import { type MillraceError, userError } from "../base/errors.ts";
import { SPEC_BYTES_MAX } from "../base/limits.ts";
import type { KnownFunctions } from "../job/process_function.ts";
import { specError, validateJobSpec } from "../job/validate_job_spec.ts";
import type { Answer } from "./error_answer.ts";
import * as flink from "./flink_json.ts";
import type { JobFacts, JobGateway, StartFrom } from "./gateway.ts";
import { readJson } from "./json_body.ts";
import type { Route } from "./route.ts";

export interface JobRouteDeps {
  readonly jobs: JobGateway;
  readonly version: string;
  readonly runtime: string;
  /** What a process may name. */
  readonly functions: KnownFunctions;
}

export function jobRoutes(deps: JobRouteDeps): Route[] {
  const { jobs, functions } = deps;
  const one = (path: string, answer: (job: JobFacts) => unknown): Route => ({
    method: "GET",
    path: `/v1/jobs/:jobid${path}`,
    handle: async (c) => c.json(answer(await jobs.job(jobIdOf(c)))),
  });
  const all = (path: string, answer: (all: readonly JobFacts[]) => unknown): Route => ({
    method: "GET",
    path,
    handle: async (c) => c.json(answer(await jobs.list())),
  });
  return [
    all("/v1/overview", (list) => flink.clusterOverview(list, deps.version, deps.runtime)),
    all("/v1/jobs", (list) => ({ jobs: list.map(flink.statusLine) })),
    all("/v1/jobs/overview", (list) => ({ jobs: list.map(flink.jobOverview) })),
    { method: "POST", path: "/v1/jobs", handle: (c) => submit(c, jobs, functions) },
    { method: "POST", path: "/v1/jobs/check", handle: (c) => check(c, jobs, functions) },
    { method: "POST", path: "/v1/jobs/validate", handle: (c) => validate(c, functions) },
    one("", flink.jobDetails),
    one("/status", ({ status }) => ({ status })),
    one("/plan", (job) => ({ plan: flink.jobPlan(job) })),
    one("/checkpoints", flink.checkpointStatistics),
    one("/exceptions", flink.jobExceptions),
    one("/spec", ({ spec }) => spec),
    { method: "PATCH", path: "/v1/jobs/:jobid", handle: (c) => cancel(c, jobs) },
  ];
}

const JOB_ID = /^[0-9a-f]{32}$/;

export function jobIdOf(c: Context): string {
  const jobId = c.req.param("jobid") ?? "";
  if (JOB_ID.test(jobId)) return jobId;
  const shown = JSON.stringify(jobId.slice(0, 64));
  throw userError("job_unknown", `job ${shown}`, `there is no job ${shown}: a job's id is 32 hexadecimal digits`);
}

interface Submission {
  readonly spec: unknown;
  readonly from: StartFrom;
}

const CLAIM_MODES: readonly unknown[] = ["CLAIM", "NO_CLAIM", null, undefined];

/** Takes `{spec, savepoint?, allowNonRestoredState?, claimMode?}`, or the spec by itself. */
function submissionOf(body: unknown): Submission {
  if (body === undefined)
    throw userError("json_invalid", "request body", "the body is empty; a job spec would be right");
  if (typeof body !== "object" || body === null || !("spec" in body)) return { spec: body, from: {} };
  const { spec, savepoint, allowNonRestoredState, claimMode, ...rest } = body as Readonly<Record<string, unknown>>;
  const [extra] = Object.keys(rest);
  if (extra !== undefined) {
    const shown = JSON.stringify(extra.slice(0, 64));
    const known = "spec, savepoint, allowNonRestoredState and claimMode";
    throw bodyInvalid(`the body has a field ${shown}; ${known} are those it may have`);
  }
  if (savepoint !== undefined && savepoint !== null && typeof savepoint !== "string") {
    throw bodyInvalid("savepoint is not text; the id of a savepoint would be right");
  }
  if (!["boolean", "undefined"].includes(typeof allowNonRestoredState)) {
    throw bodyInvalid("allowNonRestoredState is neither true nor false");
  }
  if (!CLAIM_MODES.includes(claimMode)) throw bodyInvalid("claimMode is neither CLAIM nor NO_CLAIM");
  const how = {
    allowNonRestoredState: allowNonRestoredState === true,
    claimMode: claimMode === "CLAIM" ? ("CLAIM" as const) : ("NO_CLAIM" as const),
  };
  return { spec, from: typeof savepoint === "string" ? { savepoint, ...how } : how };
}

const bodyInvalid = (message: string): MillraceError => userError("body_invalid", "request body", message);

/** Undefined where it is right. */
function wrongSpec(c: Context, spec: unknown, functions: KnownFunctions): Answer | undefined {
  const validation = validateJobSpec(spec, { functions });
  if (validation.kind === "valid") return undefined;
  const { problems } = validation;
  return c.json({ ...specError(problems).toJSON(), problems }, 400);
}

async function submit(c: Context, jobs: JobGateway, functions: KnownFunctions): Promise<Answer> {
  const { spec, from } = submissionOf(await readJson(c, SPEC_BYTES_MAX));
  const wrong = wrongSpec(c, spec, functions);
  if (wrong !== undefined) return wrong;
  const job = await jobs.submit(spec, from);
  c.header("Location", `/v1/jobs/${job.jobId}`);
  return c.json({ jobid: job.jobId, name: job.name, status: job.status }, 201);
}

async function check(c: Context, jobs: JobGateway, functions: KnownFunctions): Promise<Answer> {
  const { spec, from } = submissionOf(await readJson(c, SPEC_BYTES_MAX));
  const { savepoint } = from;
  if (savepoint === undefined) throw bodyInvalid("savepoint is missing; the id of a savepoint would be right");
  const wrong = wrongSpec(c, spec, functions);
  if (wrong !== undefined) return wrong;
  const parts = await jobs.check(spec, { ...from, savepoint });
  return c.json({ savepoint, startable: parts.every((one) => one.fate !== "refused"), parts });
}

/** Says what is wrong with a spec without starting anything; a wrong spec is a good answer to this question. */
async function validate(c: Context, functions: KnownFunctions): Promise<Answer> {
  const validation = validateJobSpec(submissionOf(await readJson(c, SPEC_BYTES_MAX)).spec, { functions });
  if (validation.kind === "valid") return c.json({ valid: true, problems: [], spec: validation.spec });
  return c.json({ valid: false, problems: validation.problems });
}

async function cancel(c: Context, jobs: JobGateway): Promise<Answer> {
  const mode = c.req.query("mode") ?? "cancel";
  if (mode !== "cancel") {
    const message = `mode=${mode.slice(0, 40)} is not known; mode=cancel would be right`;
    throw userError("query_invalid", "query mode", message);
  }
  await jobs.cancel(jobIdOf(c));
  return c.json({}, 202);
}
