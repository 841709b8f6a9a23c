// Who may call the REST interface, and what it answers to requests that are wrong in form.

import { test } from "../case.ts";
import { equal, ok } from "../expect.ts";
import { countingJob, openApi, type Reply, replyOf, TOKEN } from "../support/api_fixture.ts";

/** Every error has this shape, whatever went wrong. */
function isError(reply: Reply, status: number, code: string): void {
  equal(reply.status, status, `status of ${reply.text.slice(0, 200)}`);
  ok((reply.headers.get("Content-Type") ?? "").startsWith("application/json"), "an error is JSON");
  const { code: found, message, where, fault, retry } = reply.json;
  equal(found, code, "code");
  ok(typeof message === "string" && message.length > 10, `a message says what is wrong: ${message}`);
  ok(typeof where === "string" && where.length > 0, "it says where");
  equal([fault, retry], ["user", "none"], "fault and retry");
}

const filled = (path: string): string =>
  path
    .replace(":jobid", "0".repeat(32))
    .replace(":triggerid", "0".repeat(32))
    .replace(":savepoint", "0".repeat(32))
    .replace(":table", "t")
    .replace(":name", "l");

export const cases = [
  test("every route but the health check refuses a request without the right token", async (context) => {
    const api = await openApi(context);
    const logs = ["GET", "HEAD", "PUT", "POST", "DELETE"].map((method) => ({ method, path: "/v1/stream/:name" }));
    const wrong = [
      undefined,
      "",
      "Bearer",
      "Bearer ",
      "Basic abc",
      `Bearer ${TOKEN}x`,
      `Bearer ${TOKEN.slice(1)}`,
      TOKEN,
    ];
    for (const { method, path } of [...api.routes, ...logs]) {
      if (path === "/v1/health") continue;
      for (const prefix of path.startsWith("/v1/stream") ? [""] : ["", "/v1"]) {
        const at = filled(path).slice(prefix.length);
        for (const sent of wrong) {
          const headers: Record<string, string> = sent === undefined ? {} : { Authorization: sent };
          const reply = await replyOf(await api.app.request(at, { method, headers }));
          equal(reply.status, 401, `${method} ${at} with ${sent}`);
          if (method === "HEAD") continue;
          isError(reply, 401, "unauthorized");
          equal(reply.headers.get("WWW-Authenticate"), 'Bearer realm="millrace"');
          ok(!reply.text.includes(TOKEN), "the token is not told");
        }
      }
    }
    for (const path of ["/v1/health", "/health"]) equal((await api.app.request(path)).status, 200, path);
    equal((await api.call("GET", "/v1/jobs")).status, 200);
    await api.close();
  }),

  test("the scheme of the token is understood in any case", async (context) => {
    const api = await openApi(context);
    const reply = await api.call("GET", "/v1/jobs", undefined, { Authorization: `bearer   ${TOKEN} ` });
    equal(reply.status, 200);
    await api.close();
  }),

  test("a request for another host name is refused, whoever sends it", async (context) => {
    const platform = await context.freshPlatform();
    const access = { digest: platform.digest, token: TOKEN, tokenHint: "", allowedHosts: ["127.0.0.1", "[::1]"] };
    const api = await openApi(context, { access });
    for (const host of ["127.0.0.1", "127.0.0.1:8081", "[::1]:8081"]) {
      equal((await api.call("GET", "/v1/jobs", undefined, { Host: host })).status, 200, host);
    }
    for (const host of ["evil.example", "evil.example:8081", "127.0.0.1.evil.example", "localhost", ""]) {
      isError(await api.call("GET", "/v1/jobs", undefined, { Host: host }), 403, "host_not_allowed");
      isError(await api.call("GET", "/v1/health", undefined, { Host: host }), 403, "host_not_allowed");
    }
    await api.close();
  }),

  test("pages of other origins are refused unless their origin is allowed", async (context) => {
    const platform = await context.freshPlatform();
    const access = { digest: platform.digest, token: TOKEN, tokenHint: "", allowedOrigins: ["https://good.example"] };
    const api = await openApi(context, { access });
    const from = (Origin: string) => api.call("GET", "/v1/jobs", undefined, { Origin, Host: "here:1" });
    equal((await from("https://good.example")).status, 200);
    equal((await from("http://here:1")).status, 200);
    for (const origin of ["https://evil.example", "http://good.example", "http://here:2", "null"]) {
      isError(await from(origin), 403, "origin_not_allowed");
    }
    await api.close();
  }),

  test("every answer forbids browsers to guess, frame or keep it", async (context) => {
    const api = await openApi(context);
    for (const path of ["/v1/health", "/v1/jobs", "/v1/nothing", "/v1/stream/none"]) {
      const { headers } = await api.call("GET", path);
      equal(headers.get("X-Content-Type-Options"), "nosniff", path);
      equal(headers.get("X-Frame-Options"), "DENY", path);
      ok(headers.get("Content-Security-Policy")?.includes("default-src 'none'"), path);
      ok(headers.get("Cache-Control")?.includes("no-store"), path);
    }
    await api.close();
  }),

  test("an unknown path is not found, a wrong method is told the right ones", async (context) => {
    const api = await openApi(context);
    for (const path of ["/", "/v1", "/v1/nothing", "/v1/jobs/", "/v1/jobs/x/y/z", "/v2/jobs", "/v1/%2e%2e/token"]) {
      isError(await api.call("GET", path), 404, "not_found");
    }
    const cases: readonly (readonly [string, string, string])[] = [
      ["DELETE", "/v1/jobs", "GET, HEAD, POST"],
      ["POST", "/v1/overview", "GET, HEAD"],
      ["DELETE", `/v1/jobs/${"a".repeat(32)}`, "GET, HEAD, PATCH"],
      ["PATCH", "/v1/stream/events", "DELETE, GET, HEAD, POST, PUT"],
      ["PUT", "/v1/savepoints", "GET, HEAD, POST"],
    ];
    for (const [method, path, allow] of cases) {
      const reply = await api.call(method, path);
      isError(reply, 405, "method_not_allowed");
      equal(reply.headers.get("Allow"), allow, `${method} ${path}`);
    }
    await api.close();
  }),

  test("jobs, savepoints and tables that do not exist are not found", async (context) => {
    const api = await openApi(context);
    for (const id of ["0".repeat(32), "nonsense", "..", "%00", "A".repeat(32), "x".repeat(5000)]) {
      isError(await api.call("GET", `/v1/jobs/${id === ".." ? "%2e%2e%2e" : id}`), 404, "job_unknown");
    }
    isError(await api.call("PATCH", `/v1/jobs/${"0".repeat(32)}`), 404, "job_unknown");
    isError(await api.call("POST", `/v1/jobs/${"0".repeat(32)}/savepoints`), 404, "job_unknown");
    isError(await api.call("GET", "/v1/savepoints/abc"), 404, "savepoint_unknown");
    isError(await api.call("GET", "/v1/savepoints/abc/file"), 404, "savepoint_unknown");
    isError(await api.call("GET", "/v1/savepoints/%27%3B--"), 404, "savepoint_unknown");
    for (const table of ["t", "millrace_ledger", "sqlite_master", "%22%3B%20DROP%20TABLE%20x%3B--"]) {
      isError(await api.call("GET", `/v1/tables/${table}/rows`), 404, "table_unknown");
    }
    await api.close();
  }),

  test("a body that is not JSON, too large, too deep, compressed or of another type is refused before it is used", async (context) => {
    const api = await openApi(context);
    const post = (body: unknown, headers?: Record<string, string>) => api.call("POST", "/v1/jobs", body, headers);
    isError(await post("{"), 400, "json_invalid");
    isError(await post(new Uint8Array([0x7b, 0xff, 0x7d])), 400, "json_invalid");
    isError(await post(new Uint8Array([0xef, 0xbb, 0xbf, 0x7b, 0x7d])), 400, "json_invalid");
    isError(await api.call("POST", "/v1/jobs"), 400, "json_invalid");
    isError(await post("[".repeat(200_000)), 400, "json_invalid");
    isError(await post(`${'{"a":'.repeat(5000)}1${"}".repeat(5000)}`), 400, "json_invalid");
    isError(await post(`"${"x".repeat(1024 * 1024)}"`), 413, "body_too_large");
    isError(await post("{}", { "Content-Type": "text/plain" }), 415, "content_type_unsupported");
    isError(
      await post("a=b", { "Content-Type": "application/x-www-form-urlencoded" }),
      415,
      "content_type_unsupported",
    );
    isError(await post("{}", { "Content-Encoding": "gzip" }), 415, "encoding_unsupported");
    equal((await api.call("GET", "/v1/jobs")).json, { jobs: [] }, "nothing was started");
    await api.close();
  }),

  test("a wrong spec is answered with all of its problems, each with path, what was found, what would be right", async (context) => {
    const api = await openApi(context);
    const spec = countingJob("wrong", "t") as unknown as { operators: Record<string, unknown>[]; speed?: number };
    spec.speed = 9;
    (spec.operators[1] as Record<string, unknown>)["keyBy"] = ["acount"];
    const reply = await api.call("POST", "/v1/jobs", spec);
    isError(reply, 400, "spec_invalid");
    const paths = (reply.json.problems as { path: string; found: string; expected: string }[]).map((one) => one.path);
    equal(paths, ["speed", "operators[1].keyBy[0]"]);
    for (const { found, expected } of reply.json.problems) ok(found !== "" && expected !== "", "both are told");
    ok(reply.json.message.includes("acount") && reply.json.message.includes("account"), "the message tells both too");
    const checked = await api.call("POST", "/v1/jobs/validate", spec);
    equal([checked.status, checked.json.valid], [200, false]);
    equal(checked.json.problems, reply.json.problems);
    const good = await api.call("POST", "/v1/jobs/validate", { spec: countingJob("right", "t") });
    equal([good.json.valid, good.json.problems, good.json.spec.name], [true, [], "right"]);
    await api.close();
  }),

  test("specs of every wrong type are bad requests, never failures of the server", async (context) => {
    const api = await openApi(context);
    const wrong = [
      null,
      true,
      0,
      -1.5,
      '"text"',
      [],
      [[]],
      {},
      { spec: null },
      { spec: [] },
      { operators: null },
      { spec: {}, savepoint: 1 },
    ];
    for (const body of [
      ...wrong,
      { spec: {}, extra: 1 },
      { __proto__: null, constructor: 1 },
      '{"__proto__":{"spec":1}}',
    ]) {
      const reply = await api.call("POST", "/v1/jobs", body);
      equal(reply.status, 400, JSON.stringify(body));
      ok(["spec_invalid", "body_invalid"].includes(reply.json.code), reply.text);
    }
    await api.close();
  }),

  test("a source in memory can be asked for by the embedding program only", async (context) => {
    const api = await openApi(context);
    const spec = countingJob("memory", "t");
    (spec.operators[0] as Record<string, unknown>)["connector"] = { kind: "memory", name: "rows" };
    isError(await api.call("POST", "/v1/jobs", spec), 400, "spec_invalid");
    await api.close();
  }),
];
