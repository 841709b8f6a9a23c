// Savepoints over the REST interface: taken, named, moved, deleted, downloaded and uploaded.

import { MemoryBlobStore } from "../../src/platform/memory_stores.ts";
import { test } from "../case.ts";
import { equal, ok } from "../expect.ts";
import { type Api, countingJob, eventually, openApi } from "../support/api_fixture.ts";
import { append, event, inState, post, rowsWhen, savepointOf, withLog } from "../support/api_jobs.ts";

const ID = "00112233445566778899aabbccddeeff";

/** A job at work that has read three rows. */
async function counting(api: Api): Promise<string> {
  await withLog(api);
  const jobId = await post(api, countingJob("origin", "before"));
  await append(api, [event(0, "a", "1"), event(0, "a", "2"), event(0, "b", "3")]);
  await eventually(api.platform, "three rows read", async () => {
    const { json } = await api.call("GET", `/v1/jobs/${jobId}`);
    return json.millrace.counters?.rowsIn === 3 ? true : undefined;
  });
  return jobId;
}

const settled = (api: Api, savepoint: string) =>
  eventually(api.platform, `savepoint ${savepoint}`, async () => {
    const { json } = await api.call("GET", `/v1/savepoints/${savepoint}`);
    return json.status === "IN_PROGRESS" ? undefined : json;
  });

export const cases = [
  test("a savepoint is taken, downloaded, uploaded elsewhere, and a job goes on from it", async (context) => {
    const api = await openApi(context);
    await withLog(api);
    const jobId = await post(api, countingJob("origin", "before"));
    await append(api, [event(0, "a", "1"), event(0, "a", "2"), event(0, "b", "3")]);
    await eventually(api.platform, "three rows read", async () => {
      const { json } = await api.call("GET", `/v1/jobs/${jobId}`);
      return json.millrace.counters?.rowsIn === 3 ? true : undefined;
    });
    const location = await savepointOf(api, jobId);
    const listed = (await api.call("GET", "/v1/savepoints")).json.savepoints;
    equal([listed.length, listed[0].savepoint, listed[0].jobid, listed[0].status], [1, location, jobId, "COMPLETED"]);
    const file = await api.call("GET", `/v1/savepoints/${location}/file`);
    equal([file.status, file.headers.get("Content-Type")], [200, "application/octet-stream"]);
    equal(file.bytes.byteLength, listed[0].bytes);
    await api.call("PATCH", `/v1/jobs/${jobId}`);

    const octets = { "Content-Type": "application/octet-stream" };
    const uploaded = await api.call("POST", "/v1/savepoints", file.bytes, octets);
    equal(uploaded.status, 201, uploaded.text);
    const { savepoint } = uploaded.json;
    ok(savepoint !== location, "an uploaded savepoint has an id of its own");
    const next = await post(api, { spec: countingJob("next", "after"), savepoint });
    await append(api, [event(0, "a", "40"), event(1, "z", "0")]);
    const { json } = await rowsWhen(api, "/v1/tables/after/rows?order=account", 2);
    equal(
      json.rows.map((row: Record<string, unknown>) => [row["account"], row["events"], row["largest"]]),
      [
        ["a", 3, 40],
        ["b", 1, 3],
      ],
    );
    equal((await inState(api, next, "RUNNING")).millrace["started-from"], savepoint);
    equal((await api.call("GET", `/v1/jobs/${next}/savepoints/${location}`)).json.code, "savepoint_unknown");
    await api.close();
  }),

  test("a job stops with a savepoint; drained, its open windows are committed first", async (context) => {
    const api = await openApi(context);
    await withLog(api);
    const jobId = await post(api, countingJob("drained", "drained"));
    await append(api, [event(0, "a", "1"), event(0, "b", "3")]);
    await eventually(api.platform, "two rows read", async () => {
      const { json } = await api.call("GET", `/v1/jobs/${jobId}`);
      return json.millrace.counters?.rowsIn === 2 ? true : undefined;
    });
    const wrong = await api.call("POST", `/v1/jobs/${jobId}/stop`, { drain: "yes" });
    equal([wrong.status, wrong.json.code], [400, "body_invalid"]);
    const reply = await api.call("POST", `/v1/jobs/${jobId}/stop`, { drain: true });
    equal(reply.status, 202, reply.text);
    await inState(api, jobId, "FINISHED");
    const trigger = reply.json["request-id"];
    const { json } = await api.call("GET", `/v1/jobs/${jobId}/savepoints/${trigger}`);
    equal([json.status.id, json.operation.location], ["COMPLETED", trigger]);
    equal((await rowsWhen(api, "/v1/tables/drained/rows?order=account", 2)).json.rows.length, 2);
    const late = await api.call("POST", `/v1/jobs/${jobId}/stop`);
    equal([late.status, late.json.code], [409, "job_not_running"]);
    await api.close();
  }),

  test("damaged, foreign and too large uploads are refused and nothing of them is kept", async (context) => {
    const api = await openApi(context, { savepointBytesMax: 100_000 });
    await withLog(api);
    const jobId = await post(api, countingJob("origin", "before"));
    await append(api, [event(0, "a", "1")]);
    await inState(api, jobId, "RUNNING");
    const location = await savepointOf(api, jobId);
    const { bytes } = await api.call("GET", `/v1/savepoints/${location}/file`);
    const octets = { "Content-Type": "application/octet-stream" };
    const upload = (body: Uint8Array) => api.call("POST", "/v1/savepoints", body, octets);
    const flipped = bytes.slice();
    flipped[bytes.byteLength >> 1] = (flipped[bytes.byteLength >> 1] as number) ^ 1;
    const wrong = [flipped, bytes.subarray(0, bytes.byteLength - 1), bytes.subarray(0, 9), new Uint8Array(0)];
    for (const body of [...wrong, new Uint8Array(500), new TextEncoder().encode('{"savepoint":1}')]) {
      const reply = await upload(body);
      equal(reply.status, 400, `${body.byteLength} bytes: ${reply.text}`);
      equal(reply.json.where, "uploaded savepoint");
    }
    equal((await upload(new Uint8Array(100_001))).status, 413);
    equal((await api.call("POST", "/v1/savepoints", bytes)).json.code, "content_type_unsupported");
    equal((await api.call("GET", "/v1/savepoints")).json.savepoints.length, 1, "only the true one is there");
    const other = countingJob("other", "after");
    (other.operators[1] as Record<string, unknown>)["uid"] = "hours";
    (other.operators[2] as Record<string, unknown>)["input"] = "hours";
    const unfit = await api.call("POST", "/v1/jobs", { spec: other, savepoint: location });
    equal([unfit.status, unfit.json.code], [400, "savepoint_mismatch"], unfit.text);
    const unknown = await api.call("POST", "/v1/jobs", { spec: countingJob("x", "y"), savepoint: "0".repeat(32) });
    equal([unknown.status, unknown.json.code], [404, "savepoint_unknown"]);
    await api.close();
  }),

  test("a trigger that asks for what is not served is refused, not ignored", async (context) => {
    const api = await openApi(context);
    await withLog(api);
    const jobId = await post(api, countingJob("origin", "before"));
    for (const body of [
      { "cancel-job": "yes" },
      { "target-directory": "/tmp" },
      { formatType: "ODD" },
      { what: 1 },
      [],
      1,
    ]) {
      const reply = await api.call("POST", `/v1/jobs/${jobId}/savepoints`, body);
      equal([reply.status, reply.json.code], [400, "body_invalid"], JSON.stringify(body));
    }
    await api.close();
  }),

  test("a trigger with an id is answered with that savepoint as often as it is sent", async (context) => {
    const api = await openApi(context);
    const jobId = await counting(api);
    const path = `/v1/jobs/${jobId}/savepoints`;
    const body = { triggerId: ID, name: "nightly", notes: "before the sale" };
    const replies = await Promise.all([1, 2, 3].map(() => api.call("POST", path, body)));
    for (const reply of replies) equal([reply.status, reply.json], [202, { "request-id": ID }], reply.text);
    const record = await settled(api, ID);
    equal(
      [record.status, record.kind, record.name, record.notes, record["kept-in"]],
      ["COMPLETED", "savepoint", "nightly", "before the sale", "store"],
    );
    equal((await api.call("POST", path, body)).status, 202, "once more when it is complete");
    equal((await api.call("GET", "/v1/savepoints")).json.savepoints.length, 1);
    const taken = await api.call("POST", `/v1/jobs/${jobId}/stop`, { triggerId: ID });
    equal([taken.status, taken.json.code], [409, "savepoint_taken"]);
    equal((await inState(api, jobId, "RUNNING")).state, "RUNNING", "the job goes on");
    const other = ID.replace("0", "1");
    for (const _attempt of [1, 2]) {
      const reply = await api.call("POST", `/v1/jobs/${jobId}/stop`, { triggerId: other });
      equal([reply.status, reply.json["request-id"]], [202, other], reply.text);
      await inState(api, jobId, "FINISHED");
    }
    equal((await settled(api, other)).kind, "stop");
    await api.close();
  }),

  test("savepoints are found by their job, named and deleted, in Flink's way and in ours", async (context) => {
    const api = await openApi(context);
    const jobId = await counting(api);
    const [first, second] = [await savepointOf(api, jobId), await savepointOf(api, jobId)];
    const listed = async (query: string) => (await api.call("GET", `/v1/savepoints${query}`)).json.savepoints.length;
    equal([await listed(""), await listed(`?jobid=${jobId}`), await listed(`?jobid=${ID}`)], [2, 2, 0]);
    const named = await api.call("PATCH", `/v1/savepoints/${first}`, {
      name: "golden",
      notes: "the one to go back to",
    });
    equal([named.status, named.json.name], [200, "golden"], named.text);
    const renamed = await api.call("PATCH", `/v1/savepoints/${first}`, { notes: null });
    equal([renamed.json.name, renamed.json.notes], ["golden", null]);

    equal((await api.call("DELETE", `/v1/savepoints/${first}`)).status, 200);
    for (const [method, path] of [
      ["GET", `/v1/savepoints/${first}`],
      ["GET", `/v1/savepoints/${first}/file`],
      ["DELETE", `/v1/savepoints/${first}`],
      ["PATCH", `/v1/savepoints/${first}`],
    ] as const) {
      const gone = await api.call(method, path, method === "PATCH" ? { name: "x" } : undefined);
      equal([gone.status, gone.json.code], [404, "savepoint_unknown"], `${method} ${path}`);
    }
    const early = await api.call("GET", `/v1/savepoint-disposal/${second}`);
    equal([early.status, early.json.code], [409, "savepoint_not_deleted"]);
    const disposed = await api.call("POST", "/v1/savepoint-disposal", { "savepoint-path": second });
    equal([disposed.status, disposed.json], [202, { "request-id": second }], disposed.text);
    const { json } = await api.call("GET", `/v1/savepoint-disposal/${second}`);
    equal(json, { status: { id: "COMPLETED" }, operation: {} });
    equal(await listed(""), 0);
    equal(await api.platform.blobs.list("savepoint/"), []);
    await api.close();
  }),

  test("what is in a savepoint is told: positions, columns, rows and key groups", async (context) => {
    const api = await openApi(context);
    const jobId = await counting(api);
    const savepoint = await savepointOf(api, jobId);
    const { status, json } = await api.call("GET", `/v1/savepoints/${savepoint}/contents`);
    equal([status, json.jobid, json["job-name"], json.counters.rowsIn], [200, jobId, "origin", 3]);
    const [source] = json.sources;
    equal([source.uid, source.splits.length, source.splits[0]["timestamp-max"]], ["events", 1, "0"]);
    const [state] = json.states;
    equal([state.uid, state.state, state.rows, state.parallelism], ["minutes", "windows", 2, 1]);
    equal(state.columns[0], { name: "key_group", type: "i64", nullable: false });
    ok(state["key-groups"] >= 1 && state["key-groups"] <= 2, "one or two key groups for two keys");
    ok(state.bytes > 0 && state["rows-max"] >= 1, "sizes");
    equal((await api.call("GET", `/v1/savepoints/${ID}/contents`)).json.code, "savepoint_unknown");
    await api.close();
  }),

  test("a savepoint that is asked into the archive is moved there, and a job goes on from it", async (context) => {
    const archive = new MemoryBlobStore();
    const api = await openApi(context, {}, { savepoints: { archive } });
    const jobId = await counting(api);
    await api.call("POST", `/v1/jobs/${jobId}/savepoints`, { triggerId: ID, archive: true });
    await eventually(api.platform, "its move", async () => {
      const { json } = await api.call("GET", `/v1/savepoints/${ID}`);
      return json["kept-in"] === "archive" ? true : undefined;
    });
    equal((await archive.list("")).length, 1);
    const next = await post(api, { spec: countingJob("next", "after"), savepoint: ID });
    equal((await inState(api, next, "RUNNING")).millrace["started-from"], ID);
    equal((await api.call("DELETE", `/v1/savepoints/${ID}`)).status, 200);
    equal(await archive.list(""), []);
    await api.close();
  }),

  test("a job that claims its savepoint is the only one to start from it", async (context) => {
    const api = await openApi(context);
    const jobId = await counting(api);
    const savepoint = await savepointOf(api, jobId);
    await api.call("PATCH", `/v1/jobs/${jobId}`);
    const claims = ["one", "two", "three"].map((name) =>
      api.call("POST", "/v1/jobs", { spec: countingJob(name, name), savepoint, claimMode: "CLAIM" }),
    );
    const codes = (await Promise.all(claims)).map((reply) => (reply.status === 201 ? "started" : reply.json.code));
    equal(codes.filter((code) => code === "started").length, 1, codes.join(", "));
    ok(
      codes.every((code) => ["started", "import_given_up", "savepoint_unknown"].includes(code)),
      codes.join(", "),
    );
    const [started] = (await api.call("GET", "/v1/jobs")).json.jobs.filter((one: { id: string }) => one.id !== jobId);
    equal((await inState(api, started.id, "RUNNING")).millrace["started-from"], savepoint);
    await eventually(api.platform, "the file's end", async () =>
      (await api.platform.blobs.list("savepoint/")).length === 0 ? true : undefined,
    );
    await api.close();
  }),

  test("wrong words about savepoints are refused with what would be right", async (context) => {
    const api = await openApi(context);
    const jobId = await counting(api);
    const savepoint = await savepointOf(api, jobId);
    const trigger = `/v1/jobs/${jobId}/savepoints`;
    const label = `/v1/savepoints/${savepoint}`;
    const wrong: readonly (readonly [string, string, unknown])[] = [
      ["POST", trigger, { triggerId: "no" }],
      ["POST", trigger, { triggerId: ID.toUpperCase() }],
      ["POST", trigger, { name: "" }],
      ["POST", trigger, { name: "x".repeat(101) }],
      ["POST", trigger, { archive: 1 }],
      ["PATCH", label, { notes: 7 }],
      ["PATCH", label, { savepoint: "other" }],
      ["PATCH", label, []],
      ["POST", "/v1/savepoint-disposal", {}],
      ["POST", "/v1/savepoint-disposal", { "savepoint-path": 3 }],
    ];
    for (const [method, path, body] of wrong) {
      const reply = await api.call(method, path, body);
      equal([reply.status, reply.json.code], [400, "body_invalid"], JSON.stringify(body));
    }
    for (const [method, path] of [
      ["POST", trigger],
      ["PATCH", label],
    ] as const) {
      const reply = await api.call(method, path, { archive: true });
      equal([reply.status, reply.json.code], [400, "archive_unavailable"], reply.text);
    }
    const path = await api.call("POST", "/v1/savepoint-disposal", { "savepoint-path": "../../etc" });
    equal([path.status, path.json.code], [404, "savepoint_unknown"]);
    equal((await api.call("GET", "/v1/savepoints")).json.savepoints.length, 1);
    await api.close();
  }),

  test("a check says of each part of a savepoint what becomes of it, and the start does just that", async (context) => {
    const api = await openApi(context);
    const jobId = await counting(api);
    const savepoint = await savepointOf(api, jobId);
    await api.call("PATCH", `/v1/jobs/${jobId}`);
    const check = async (spec: object, more = {}) => {
      const reply = await api.call("POST", "/v1/jobs/check", { spec, savepoint, ...more });
      equal(reply.status, 200, reply.text);
      const { startable, parts } = reply.json;
      return [
        startable,
        ...parts.map((one: Record<string, unknown>) => `${one["uid"]} ${one["state"]} ${one["fate"]}`),
      ];
    };
    const same = ["events null restored", "minutes windows restored"];
    equal(await check(countingJob("same", "after")), [true, ...same]);
    const other = countingJob("other", "after");
    (other.operators[1] as Record<string, unknown>)["uid"] = "hours";
    (other.operators[2] as Record<string, unknown>)["input"] = "hours";
    const without = ["events null restored", "minutes windows refused", "hours windows empty"];
    equal(await check(other), [false, ...without]);
    const allowed = { allowNonRestoredState: true };
    equal(await check(other, allowed), [true, ...without.map((one) => one.replace("refused", "dropped"))]);
    equal((await api.call("GET", "/v1/jobs")).json.jobs.length, 1, "nothing was started");

    const refused = await api.call("POST", "/v1/jobs", { spec: other, savepoint });
    equal([refused.status, refused.json.code], [400, "savepoint_mismatch"]);
    const next = await post(api, { spec: other, savepoint, ...allowed });
    await append(api, [event(0, "a", "40"), event(1, "z", "0")]);
    const { json } = await rowsWhen(api, "/v1/tables/after/rows", 1);
    equal(
      json.rows.map((row: Record<string, unknown>) => [row["account"], row["events"], row["largest"]]),
      [["a", 1, 40]],
      "rows before the savepoint are neither read again nor counted",
    );
    equal((await inState(api, next, "RUNNING")).millrace.counters.rowsIn, 5, "but they are among those that were read");

    await api.call("PATCH", `/v1/jobs/${next}`);
    const wrong = await api.call("POST", "/v1/jobs", { spec: other, savepoint, claimMode: "MINE" });
    equal([wrong.status, wrong.json.code], [400, "body_invalid"]);
    const keyed = countingJob("keyed", "keyed");
    (keyed.operators[1] as Record<string, unknown>)["keyBy"] = ["amount"];
    const connector = { kind: "table", table: "keyed", mode: "upsert", primaryKey: ["amount", "window_start"] };
    (keyed.operators[2] as Record<string, unknown>)["connector"] = connector;
    const [startable, ...parts] = await check(keyed, allowed);
    equal([startable, parts[1]], [false, "minutes windows refused"], "a changed key is never dropped in silence");
    for (const body of [
      { spec: other },
      { spec: other, savepoint: 1 },
      { spec: other, savepoint, allowNonRestoredState: 1 },
    ]) {
      const reply = await api.call("POST", "/v1/jobs/check", body);
      equal([reply.status, reply.json.code], [400, "body_invalid"], reply.text);
    }
    const unknown = await api.call("POST", "/v1/jobs/check", { spec: other, savepoint: ID });
    equal([unknown.status, unknown.json.code], [404, "savepoint_unknown"]);
    await api.close();
  }),
];
