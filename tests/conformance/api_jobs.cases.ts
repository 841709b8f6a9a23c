// Jobs over the REST interface, from the posted spec to the rows, with the real engine behind it.

import { test } from "../case.ts";
import { equal, ok } from "../expect.ts";
import { countingJob, eventually, openApi } from "../support/api_fixture.ts";
import { append, event, inState, MINUTE, post, rowsWhen, withLog } from "../support/api_jobs.ts";

export const cases = [
  test("a posted job reads a log and its rows are read over HTTP, every integer digit for digit", async (context) => {
    const api = await openApi(context);
    await withLog(api);
    const jobId = await post(api, countingJob("counting", "per_minute"));
    await append(api, [event(0, "a", "9007199254740993"), event(0, "a", "-3"), event(0, "b", "7"), event(1, "a", "1")]);
    await append(api, [event(2, "z", "0")]);
    const first = await rowsWhen(api, "/v1/tables/per_minute/rows?order=-largest,account", 3);
    ok(first.text.includes('"largest":9007199254740993,'), `no digit is lost: ${first.text}`);
    const { rows, more, columns } = JSON.parse(first.text.replace("9007199254740993", "1e300"));
    equal(more, false);
    equal(
      columns.map((one: { name: string; type: string }) => `${one.name} ${one.type}`),
      ["window_start timestamp", "window_end timestamp", "account utf8", "events i64", "largest i64", "mean f64"],
    );
    equal(
      rows.map((row: Record<string, unknown>) => [row["account"], row["window_start"], row["events"], row["mean"]]),
      [
        ["a", 0, 2, 4503599627370495],
        ["b", 0, 1, 7],
        ["a", MINUTE, 1, 1],
      ],
    );
    const page = await api.call("GET", "/v1/tables/per_minute/rows?order=window_start,account&limit=1&offset=1");
    equal([page.json.rows.length, page.json.rows[0].account, page.json.more], [1, "b", true]);
    const listed = await api.call("GET", "/v1/tables");
    equal(listed.json.tables[0].table, "per_minute");
    equal(listed.json.tables[0].jobid, jobId);
    await api.close();
  }),

  test("text is read back whole, whatever characters are in it", async (context) => {
    const api = await openApi(context);
    await withLog(api);
    await post(api, countingJob("texts", "per_minute"));
    const accounts = ["", "a\u0000b", "\u0000", "ключ 🔑", '"\\'];
    await append(
      api,
      [...accounts, "z"].map((one, at) => event(at === accounts.length ? 2 : 0, one, "1")),
    );
    const { json } = await rowsWhen(api, "/v1/tables/per_minute/rows", accounts.length);
    equal(json.rows.map((row: Record<string, unknown>) => row["account"]).sort(), [...accounts].sort());
    await api.close();
  }),

  test("wrong questions to a table are refused with what would be right", async (context) => {
    const api = await openApi(context);
    await withLog(api);
    await post(api, countingJob("counting", "per_minute"));
    const queries = [
      "limit=0",
      "limit=10001",
      "limit=-1",
      "limit=x",
      "offset=-1",
      "order=",
      "order=none",
      "order=account%20DESC",
    ];
    for (const query of [
      ...queries,
      "order=account;DROP%20TABLE%20per_minute",
      "order=a,b,c,d,e,f,g,h,i",
      "limit=1e3",
    ]) {
      const reply = await api.call("GET", `/v1/tables/per_minute/rows?${query}`);
      equal([reply.status, reply.json.code], [400, "query_invalid"], query);
    }
    equal(
      (await api.call("GET", "/v1/tables/per_minute/rows")).json.rows,
      [],
      "a table that is not there yet is empty",
    );
    await api.close();
  }),

  test("a job is listed and described as Flink does it, canceled, and canceled only once", async (context) => {
    const api = await openApi(context);
    await withLog(api);
    const jobId = await post(api, countingJob("described", "per_minute"));
    await append(api, [event(0, "a", "1"), event(5, "a", "1")]);
    await rowsWhen(api, "/v1/tables/per_minute/rows", 1);
    const details = await inState(api, jobId, "RUNNING");
    equal([details.jid, details.name, details["end-time"], details.isStoppable], [jobId, "described", -1, false]);
    const [vertex] = details.vertices;
    equal(
      [vertex.name, vertex.parallelism, vertex.status],
      ["Source: events -> minutes -> Sink: result", 1, "RUNNING"],
    );
    ok(/^[0-9a-f]{32}$/.test(vertex.id), "a vertex has Flink's kind of id");
    equal([vertex.metrics["read-records"], vertex.metrics["write-records"]], [2, 1]);
    equal(details.plan.nodes[0].id, vertex.id);
    ok(details.duration >= 0 && details.now >= details["start-time"], "times are in order");
    equal((await api.call("GET", "/jobs")).json, { jobs: [{ id: jobId, status: "RUNNING" }] });
    const overview = (await api.call("GET", "/jobs/overview")).json.jobs[0];
    equal([overview.jid, overview.name, overview.state, overview.tasks.running], [jobId, "described", "RUNNING", 1]);
    equal(
      [overview["pending-operators"], overview.jobType],
      [0, "STREAMING"],
      "Flink's client reads nothing without it",
    );
    equal((await api.call("GET", "/v1/overview")).json["jobs-running"], 1);
    equal((await api.call("GET", `/v1/jobs/${jobId}/status`)).json, { status: "RUNNING" });
    equal((await api.call("GET", `/v1/jobs/${jobId}/exceptions`)).json.exceptionHistory.entries, []);
    equal((await api.call("GET", `/v1/jobs/${jobId}/spec`)).json.name, "described");
    const { counts, latest, history } = (await api.call("GET", `/v1/jobs/${jobId}/checkpoints`)).json;
    ok(counts.completed >= 1 && latest.completed.status === "COMPLETED" && history.length >= 1, "checkpoints are told");

    equal((await api.call("PATCH", `/v1/jobs/${jobId}?mode=stop`)).json.code, "query_invalid");
    equal((await api.call("PATCH", `/v1/jobs/${jobId}?mode=cancel`)).status, 202);
    const ended = await inState(api, jobId, "CANCELED");
    ok(ended["end-time"] >= ended["start-time"], "it has an end");
    equal((await api.call("GET", "/v1/overview")).json["jobs-cancelled"], 1);
    const again = await api.call("PATCH", `/v1/jobs/${jobId}`);
    equal([again.status, again.json.code], [409, "job_not_running"]);
    const late = await api.call("POST", `/v1/jobs/${jobId}/savepoints`);
    equal([late.status, late.json.code], [409, "job_not_running"]);
    await api.close();
  }),

  test("a job that cannot work fails, and says what and where over REST", async (context) => {
    const api = await openApi(context);
    const jobId = await post(api, countingJob("no_log", "per_minute"));
    const { millrace } = await inState(api, jobId, "FAILED");
    equal(millrace.error.code, "log_not_found");
    const exceptions = (await api.call("GET", `/v1/jobs/${jobId}/exceptions`)).json;
    equal(exceptions.exceptionHistory.entries[0].exceptionName, "log_not_found");
    ok(exceptions["root-exception"].includes("events"), "the log is named");
    await api.close();
  }),

  test("metrics tell rows, watermark, state and checkpoints of each job in the Prometheus format", async (context) => {
    const api = await openApi(context);
    await withLog(api);
    const jobId = await post(api, countingJob("metered", "per_minute"));
    await append(api, [event(0, "a", "1"), event(0, "a", "2"), event(3, "a", "2"), event(1, "late", "2")]);
    await rowsWhen(api, "/v1/tables/per_minute/rows", 1);
    const wanted: Readonly<Record<string, number>> = {
      numRecordsIn: 4,
      numRecordsOut: 1,
      numLateRecords: 1,
      numRecordsRejected: 0,
      numRestarts: 0,
      currentInputWatermark: 3 * MINUTE,
      stateEntries: 1,
      wasmRowsAggregated: 3,
      wasmRowsScanned: 4,
    };
    const text = await eventually(api.platform, "the metrics", async () => {
      const reply = await api.call("GET", "/metrics");
      equal(reply.headers.get("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
      const line = (name: string) => `millrace_${name}{job_id="${jobId}",job_name="metered"} `;
      const missing = Object.entries(wanted).filter(
        ([name, value]) => !reply.text.includes(`\n${line(name)}${value}\n`),
      );
      const there = ["lastCheckpointDuration", "lastCheckpointSize", "stateBytes", "numberOfCompletedCheckpoints"];
      return missing.length === 0 && there.every((name) => reply.text.includes(line(name))) ? reply.text : undefined;
    });
    for (const line of text.trimEnd().split("\n")) {
      const sample = /^[a-zA-Z_:][\w:]*(\{[a-z_]+="[^"\\]*"(,[a-z_]+="[^"\\]*")*\})? -?[0-9.e+]+$/;
      ok(/^# (HELP|TYPE) millrace_/.test(line) || sample.test(line), `a line of the format: ${line}`);
    }
    const types = text.match(/^# TYPE \S+/gm) ?? [];
    equal(new Set(types).size, types.length, "every family stands there once");
    await api.close();
  }),
];
