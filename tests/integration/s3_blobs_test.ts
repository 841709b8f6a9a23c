// A real S3-compatible server for blobs: the shared cases on every runtime, signatures, and what happens when the
// server or the way to it fails.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createServer, type RequestListener } from "node:http";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { type BlobsLocation, openBlobs, s3Options } from "../../adapters/local/blobs/open_blobs.ts";
import { S3BlobStore } from "../../adapters/local/blobs/s3_blobs.ts";
import { utf8 } from "../../src/base/bytes.ts";
import { MillraceError } from "../../src/base/errors.ts";
import { rootPath } from "../../tools/process.ts";
import { FaultProxy } from "../support/fault_proxy.ts";
import { newBucket, type S3Server, startS3 } from "../support/s3_server.ts";
import { runtimeCommands } from "../support/server_process.ts";

let server: S3Server;
let proxy: FaultProxy;

before(async () => {
  server = await startS3();
  proxy = await FaultProxy.start(Number(new URL(server.endpoint).port));
});

after(async () => {
  await proxy.close();
  await server.kill();
});

/** A bucket, seen directly and through the proxy. */
async function bucket(more: Partial<BlobsLocation> = {}): Promise<{ direct: BlobsLocation; proxied: BlobsLocation }> {
  const direct = await newBucket(server.endpoint);
  const proxied = { ...direct, url: direct.url.replace(server.endpoint, proxy.url), retryForMs: 0, ...more };
  return { direct, proxied };
}

async function refusal(run: Promise<unknown>): Promise<MillraceError> {
  const error = await run.then(
    () => assert.fail("it succeeded"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof MillraceError, String(error));
  return error;
}

/** The object itself, as another program sees it or changes it. */
async function object(
  location: BlobsLocation,
  name: string,
  method = "GET",
  body?: string,
  more: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const url = new URL(location.url);
  const authorization =
    "AWS4-HMAC-SHA256 Credential=testing/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=none";
  const path = `${url.searchParams.get("endpoint")}/${url.host}${url.pathname}/${name}`;
  return await fetch(path, { method, headers: { authorization, ...more }, ...(body === undefined ? {} : { body }) });
}

async function withHttp(answer: RequestListener, run: (endpoint: string) => Promise<void>): Promise<void> {
  const http = createServer(answer);
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  try {
    await run(`http://127.0.0.1:${(http.address() as { port: number }).port}`);
  } finally {
    http.closeAllConnections();
    http.close();
  }
}

const keys = { accessKeyId: "env:MILLRACE_TEST_S3_KEY", secretAccessKey: "env:MILLRACE_TEST_S3_KEY" };

for (const [runtime, [name, ...args]] of Object.entries(runtimeCommands)) {
  for (const kind of ["s3", "directory"]) {
    test(`the shared cases of blobs hold in ${kind === "s3" ? "S3" : "a directory"} on ${runtime}`, async () => {
      const command = join(rootPath, "node_modules", ".bin", name as string);
      const all = [...args, join(rootPath, "tests/integration/shared_cases_main.ts"), "stores", kind, "blobs:"];
      const text = await new Promise<string>((resolve) => {
        execFile(command, all, { cwd: rootPath, timeout: 100_000 }, (_error, out, err) => resolve(`${err}\n${out}`));
      });
      assert.match(text.trim().split("\n").at(-1) ?? "", /^\{"passed":[1-9]\d*,"failures":\[\]\}$/, text.slice(-4000));
    });
  }
}

test("a list of more names than one answer holds is complete and in order, and they are deleted", async () => {
  const { direct } = await bucket();
  const blobs = S3BlobStore.unchecked({ ...s3Options(new URL(direct.url), direct), keysMax: 7 });
  const names = Array.from({ length: 31 }, (_none, index) => `n/${String(index).padStart(3, "0")}`);
  await Promise.all([...names, "other"].map((name) => blobs.put(name, utf8(name))));
  assert.deepEqual(await blobs.list("n/"), names);
  await blobs.delete(names);
  assert.deepEqual(await blobs.list(""), ["other"]);
});

test("names of any kind come back as they are", async () => {
  const { direct } = await bucket();
  const blobs = await openBlobs(direct);
  const names = ["../up", "./here", "a//b", "a b+c%2F&<'\">", "é/\u{1f600}", "~conditional-create", "A", "a"];
  for (const name of names) await blobs.put(name, utf8(name));
  assert.deepEqual([...(await blobs.list(""))].sort(), [...names].sort());
  for (const name of names) assert.deepEqual(await blobs.get(name), utf8(name));
  assert.deepEqual(await blobs.list("../"), ["../up"]);
});

test("a creation whose answer is lost is sent again and finds its own bytes", async () => {
  const { proxied } = await bucket({ retryForMs: 5_000 });
  const blobs = await openBlobs(proxied);
  await proxy.mode("drop_answers");
  const put = blobs.put("once", utf8("mine"));
  setTimeout(() => void proxy.mode("pass"), 300);
  await put;
  assert.deepEqual(await blobs.get("once"), utf8("mine"));
  assert.equal((await refusal(blobs.put("once", utf8("others")))).code, "blob_exists");
});

test("when no try is answered, a change is of unknown outcome and a read is unreachable", async () => {
  const { direct, proxied } = await bucket({ timeoutMs: 400 });
  const blobs = await openBlobs(proxied);
  const bytes = utf8("x".repeat(10_000));
  for (const mode of ["drop_answers", "cut_requests", "swallow"] as const) {
    await proxy.mode(mode);
    const lost = await refusal(blobs.put(mode, bytes));
    assert.deepEqual([lost.code, lost.where, lost.retry], ["store_outcome_unknown", mode, "backoff"]);
    assert.equal((await refusal(blobs.get(mode))).code, "store_unreachable");
    assert.equal((await refusal(blobs.list(""))).code, "store_unreachable");
    await proxy.mode("pass");
    proxy.cut();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const other = await openBlobs(direct);
  assert.deepEqual(await other.get("drop_answers"), bytes);
  assert.equal(await other.get("swallow"), undefined);
  // This server may store what had come of a request that broke off, as S3 itself never does; nobody takes it for whole.
  const cut = await other.get("cut_requests").catch((error: MillraceError) => error.code);
  assert.ok(cut === undefined || cut === "store_corrupt", String(cut));
  await blobs.put("after", utf8("it heals"));
});

test("an object that holds a part of its blob is taken for the blob by neither reader nor writer", async () => {
  const { direct } = await bucket();
  const blobs = await openBlobs(direct);
  const bytes = utf8("the whole blob");
  await blobs.put("whole", bytes);
  const digest = createHash("sha256").update(bytes).digest("hex");
  await object(direct, "torn", "PUT", "the whole", { "x-amz-meta-millrace-sha256": digest });
  for (const run of [blobs.get("torn"), blobs.put("torn", bytes)]) {
    const error = await refusal(run);
    assert.deepEqual([error.code, error.where, error.retry], ["store_corrupt", "torn", "none"]);
  }
  assert.equal((await refusal(blobs.put("torn", utf8("other")))).code, "blob_exists");
});

test("a server that overwrites in spite of the condition is refused", async () => {
  await withHttp(
    (request, answer) => {
      request.resume();
      request.on("end", () => answer.writeHead(200).end());
    },
    async (endpoint) => {
      const error = await refusal(openBlobs({ url: `s3://bucket?endpoint=${endpoint}`, ...keys }));
      assert.equal(error.code, "store_not_conditional");
    },
  );
});

test("a server that is busy for a while is tried until it answers", async () => {
  let refusals = 0;
  const objects = new Set<string>();
  await withHttp(
    (request, answer) => {
      request.resume();
      request.on("end", () => {
        if (refusals++ % 3 < 2) answer.writeHead(503).end("<Error><Code>SlowDown</Code></Error>");
        else if (objects.has(request.url ?? "")) answer.writeHead(412).end();
        else {
          objects.add(request.url ?? "");
          answer.writeHead(200).end();
        }
      });
    },
    async (endpoint) => {
      const blobs = await openBlobs({ url: `s3://bucket?endpoint=${endpoint}`, ...keys, retryForMs: 10_000 });
      await blobs.put("a", utf8("a"));
      assert.ok(refusals >= 9, `${refusals} requests`);
    },
  );
});

test("a bucket that does not exist, an address that is none, and missing keys are told apart", async () => {
  const { direct } = await bucket();
  const missing = direct.url.replace("millrace-test", "millrace-gone");
  assert.equal((await refusal(openBlobs({ ...direct, url: missing }))).code, "store_address_invalid");
  for (const url of [
    "s3://UPPER",
    "s3://b/../c",
    "ftp://b",
    "s3://bucket?nope=1",
    "s3://bucket?endpoint=ftp://h",
    "x",
  ]) {
    assert.equal((await refusal(openBlobs({ ...direct, url }))).code, "store_address_invalid", url);
  }
  const noKey = await refusal(openBlobs({ ...direct, secretAccessKey: "env:MILLRACE_NO_SUCH" }));
  assert.equal(noKey.code, "secret_missing");
  const { port } = new URL(server.endpoint);
  const nobody = direct.url.replace(port, "1");
  assert.match(
    (await refusal(openBlobs({ ...direct, url: nobody, retryForMs: 0 }))).code,
    /^store_(outcome_unknown|unreachable)$/,
  );
});

test("requests are signed as S3 wants it, and a wrong key is refused", async () => {
  const strict = await startS3({ requestsWithoutKeys: 4 });
  try {
    const iam = async (parameters: Record<string, string>): Promise<string> => {
      const authorization =
        "AWS4-HMAC-SHA256 Credential=x/20200101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=none";
      const body = new URLSearchParams({ Version: "2010-05-08", ...parameters });
      const answer = await fetch(strict.endpoint, { method: "POST", headers: { authorization }, body });
      const text = await answer.text();
      assert.equal(answer.status, 200, text);
      return text;
    };
    await iam({ Action: "CreateUser", UserName: "millrace" });
    const made = await iam({ Action: "CreateAccessKey", UserName: "millrace" });
    const document = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: ["s3:*"], Resource: "*" }] };
    const policy = { PolicyName: "all", PolicyDocument: JSON.stringify(document) };
    await iam({ Action: "PutUserPolicy", UserName: "millrace", ...policy });
    const { url } = await newBucket(strict.endpoint);
    process.env["MILLRACE_TEST_ID"] = /<AccessKeyId>(.*?)</.exec(made)?.[1] ?? "";
    process.env["MILLRACE_TEST_SECRET"] = /<SecretAccessKey>(.*?)</.exec(made)?.[1] ?? "";
    const location = { url, accessKeyId: "env:MILLRACE_TEST_ID", secretAccessKey: "env:MILLRACE_TEST_SECRET" };
    const blobs = await openBlobs(location);
    const names = ["plain", "a b/c'd", "é+&=%"];
    for (const name of names) await blobs.put(name, utf8(name));
    for (const name of names) assert.deepEqual(await blobs.get(name), utf8(name));
    // (This server decodes queries before it checks them, so lists are left to the examples of the unit test.)
    await blobs.delete(names);
    for (const name of names) assert.equal(await blobs.get(name), undefined);
    process.env["MILLRACE_TEST_SECRET"] += "x";
    const error = await refusal(openBlobs(location));
    assert.deepEqual([error.code, error.retry], ["store_unauthorized", "none"]);
  } finally {
    await strict.kill();
  }
});
