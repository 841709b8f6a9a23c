// AWS Signature Version 4 for S3: what S3-compatible servers know a request's sender and its bytes by.
// Written here because it is small, and so that bodies and queries of every kind are signed.

import { Buffer } from "node:buffer";
import { createHash, createHmac } from "node:crypto";
import { compareUtf8 } from "../../../src/platform/memory_stores.ts";

export interface S3Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

export interface UnsignedRequest {
  readonly method: string;
  readonly url: URL;
  /** Lower-case names. `host` comes from the URL. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export const sha256Hex = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");
const hmac = (key: Uint8Array | string, text: string): Uint8Array => createHmac("sha256", key).update(text).digest();

/** As S3 wants paths and queries: everything but letters, digits and `-_.~`, bytes of UTF-8 in capital hex. */
export const uriEncoded = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (found) => `%${found.charCodeAt(0).toString(16).toUpperCase()}`);

/** The query as it must stand in the URL, too: its parameters in order, encoded once. */
export const canonicalQuery = (parameters: Readonly<Record<string, string>>): string =>
  Object.entries(parameters)
    .map(([name, value]) => `${uriEncoded(name)}=${uriEncoded(value)}`)
    .sort(compareUtf8)
    .join("&");

/** All headers to send, the signature among them. The URL's path and query must be encoded as above. */
export function signedHeaders(
  request: UnsignedRequest,
  keys: S3Keys,
  region: string,
  nowMs: number,
): Readonly<Record<string, string>> {
  const { method, url, body } = request;
  const time = new Date(nowMs).toISOString().replace(/[-:]|\.\d{3}/g, "");
  const bodyHash = sha256Hex(body);
  const headers: Record<string, string> = {
    ...request.headers,
    host: url.host,
    "x-amz-content-sha256": bodyHash,
    "x-amz-date": time,
    ...(keys.sessionToken === undefined ? {} : { "x-amz-security-token": keys.sessionToken }),
  };
  const names = Object.keys(headers).sort(compareUtf8);
  const lines = names.map((name) => `${name}:${(headers[name] as string).trim().replace(/ +/g, " ")}\n`).join("");
  const canonical = [method, url.pathname, url.search.slice(1), lines, names.join(";"), bodyHash].join("\n");
  const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", time, scope, sha256Hex(canonical)].join("\n");
  const dayKey = hmac(`AWS4${keys.secretAccessKey}`, time.slice(0, 8));
  const signingKey = hmac(hmac(hmac(dayKey, region), "s3"), "aws4_request");
  const signature = Buffer.from(hmac(signingKey, toSign)).toString("hex");
  const credential = `${keys.accessKeyId}/${scope}`;
  const { host: _set, ...sent } = headers; // The runtime sets it from the URL, and some refuse to be told.
  return {
    ...sent,
    authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names.join(";")}, Signature=${signature}`,
  };
}
