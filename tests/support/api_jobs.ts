// What cases do with jobs over the REST interface: post them, feed their log, wait for what comes of it.

import { equal, ok } from "../expect.ts";
import { type Api, eventually, type Reply } from "./api_fixture.ts";

export const MINUTE = 60_000;

export async function append(api: Api, lines: readonly string[]): Promise<void> {
  const reply = await api.call("POST", "/v1/stream/events", `[${lines.join(",")}]`);
  equal(reply.status, 204, reply.text);
}

export const event = (minute: number, account: string, amount: string): string =>
  `{"at": ${minute * MINUTE}, "account": ${JSON.stringify(account)}, "amount": ${amount}}`;

export async function withLog(api: Api): Promise<void> {
  const reply = await api.call("PUT", "/v1/stream/events", undefined, { "Content-Type": "application/json" });
  equal(reply.status, 201, reply.text);
}

export async function post(api: Api, body: unknown): Promise<string> {
  const reply = await api.call("POST", "/v1/jobs", body);
  equal(reply.status, 201, reply.text);
  const { jobid } = reply.json;
  ok(/^[0-9a-f]{32}$/.test(jobid), "a job's id is 32 hexadecimal digits");
  equal(reply.headers.get("Location"), `/v1/jobs/${jobid}`);
  return jobid;
}

export const inState = (api: Api, jobId: string, state: string) =>
  eventually(api.platform, `state ${state}`, async () => {
    const { json } = await api.call("GET", `/v1/jobs/${jobId}`);
    ok(json.state !== "FAILED" || state === "FAILED", `the job failed: ${JSON.stringify(json.millrace?.error)}`);
    return json.state === state ? json : undefined;
  });

export const rowsWhen = (api: Api, path: string, count: number): Promise<Reply> =>
  eventually(api.platform, `${count} rows at ${path}`, async () => {
    const reply = await api.call("GET", path);
    equal(reply.status, 200, reply.text);
    return reply.json.rows.length >= count ? reply : undefined;
  });

export async function savepointOf(api: Api, jobId: string): Promise<string> {
  const reply = await api.call("POST", `/v1/jobs/${jobId}/savepoints`, {
    "cancel-job": false,
    "target-directory": null,
  });
  equal(reply.status, 202, reply.text);
  const trigger = reply.json["request-id"];
  const done = await eventually(api.platform, "the savepoint", async () => {
    const { json } = await api.call("GET", `/v1/jobs/${jobId}/savepoints/${trigger}`);
    return json.status.id === "COMPLETED" ? json : undefined;
  });
  ok(done.operation["failure-cause"] === undefined, JSON.stringify(done));
  return done.operation.location;
}
