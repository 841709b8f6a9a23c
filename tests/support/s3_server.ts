// A real S3-compatible server for tests: moto's, from PyPI, on this machine's loopback only. It is taken from the
// path, or installed below build/ once; it checks signatures when it is asked to.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { BlobsLocation } from "../../adapters/local/blobs/open_blobs.ts";
import { rootPath } from "../../tools/process.ts";
import { freePort } from "./sqld.ts";

const PACKAGE = "moto[server,s3,iam]==5.2.1";

export interface S3Server {
  readonly endpoint: string;
  readonly process: ChildProcess;
  /** A new, empty one. */
  bucket(): Promise<BlobsLocation>;
  kill(): Promise<void>;
}

/** Where it is; fetched where this machine has none. */
export function s3Program(): string {
  try {
    return execFileSync("sh", ["-c", "command -v moto_server"], { encoding: "utf8" }).trim();
  } catch {
    const home = join(rootPath, "build", "s3_server");
    const installed = join(home, "bin", "moto_server");
    if (!existsSync(installed)) {
      execFileSync("python3", ["-m", "venv", home], { stdio: "inherit" });
      execFileSync(join(home, "bin", "pip"), ["install", "--quiet", PACKAGE], { stdio: "inherit" });
    }
    return installed;
  }
}

/** `requestsWithoutKeys`: how many requests, keys being made among them, pass before signatures are checked. */
export async function startS3(options: { port?: number; requestsWithoutKeys?: number } = {}): Promise<S3Server> {
  const port = options.port ?? (await freePort());
  const env = { ...process.env };
  if (options.requestsWithoutKeys !== undefined) {
    env["INITIAL_NO_AUTH_ACTION_COUNT"] = String(options.requestsWithoutKeys);
  }
  const child = spawn(s3Program(), ["-H", "127.0.0.1", "-p", String(port)], { stdio: "ignore", env });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const endpoint = `http://127.0.0.1:${port}`;
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  for (let tries = 0; tries < 1000 && child.exitCode === null; tries++) {
    const answer = await fetch(`${endpoint}/moto-api/data.json`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.ok === true) return { endpoint, process: child, kill, bucket: () => newBucket(endpoint) };
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  await kill();
  throw new Error("the S3 server did not start");
}

let buckets = 0;

/** A server that checks no signatures takes this for one of the keys `testing`. */
const UNCHECKED =
  "AWS4-HMAC-SHA256 Credential=testing/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=none";

export async function newBucket(endpoint: string): Promise<BlobsLocation> {
  const name = `millrace-test-${process.pid}-${buckets++}`;
  const answer = await fetch(`${endpoint}/${name}`, { method: "PUT", headers: { authorization: UNCHECKED } });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`no bucket: ${answer.status} ${text}`);
  process.env["MILLRACE_TEST_S3_KEY"] = "testing";
  const keys = { accessKeyId: "env:MILLRACE_TEST_S3_KEY", secretAccessKey: "env:MILLRACE_TEST_S3_KEY" };
  return { url: `s3://${name}/some/prefix?endpoint=${endpoint}`, ...keys };
}
