// Blobs where a URL says:
//
//   file:///srv/millrace/blobs
//   s3://BUCKET/PREFIX?endpoint=https://HOST:PORT&region=REGION
//
// Without an endpoint it is AWS's of the region; the region is us-east-1 where it is not given (many servers do not
// care). Keys are given by reference, apart from the URL.

import { fileURLToPath } from "node:url";
import type { BlobStore } from "../../../src/platform/ports.ts";
import { systemClock, systemDigest } from "../machine.ts";
import { readSecret, readSecretIfAny } from "../secrets.ts";
import { invalid, parsed } from "../store_address.ts";
import { DirectoryBlobStore } from "./directory_blobs.ts";
import { type S3BlobOptions, S3BlobStore } from "./s3_blobs.ts";

export interface BlobsLocation {
  readonly url: string;
  /** Where the keys of an S3 server are (`env:NAME`, `file:/path`); AWS's own variables where not given. */
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  readonly sessionToken?: string;
  readonly timeoutMs?: number;
  readonly retryForMs?: number;
}

export async function openBlobs(location: BlobsLocation): Promise<BlobStore> {
  const url = parsed(location.url, "s3://bucket/prefix?endpoint=https://host or file:///directory");
  if (url.protocol === "s3:") return await S3BlobStore.open(s3Options(url, location));
  if (url.protocol !== "file:" || url.search !== "" || url.host !== "") {
    throw invalid(location.url, "blobs are at s3://bucket/prefix?endpoint=https://host or file:///directory");
  }
  return await DirectoryBlobStore.open(fileURLToPath(url), systemDigest, systemClock.nowMs());
}

const OPTIONS = ["endpoint", "region"];

export function s3Options(url: URL, location: BlobsLocation): S3BlobOptions {
  const { timeoutMs, retryForMs } = location;
  const unknown = [...url.searchParams.keys()].find((name) => !OPTIONS.includes(name));
  if (unknown !== undefined) throw invalid(location.url, `${unknown} is none of ${OPTIONS.join(" and ")}`);
  const region = url.searchParams.get("region") ?? "us-east-1";
  const endpoint = parsed(
    url.searchParams.get("endpoint") ?? `https://s3.${region}.amazonaws.com`,
    "https://host:9000",
  );
  if (!["http:", "https:"].includes(endpoint.protocol) || endpoint.pathname !== "/" || endpoint.username !== "") {
    throw invalid(endpoint.href, "an endpoint is http or https, host and port");
  }
  const prefix = url.pathname.replace(/^\/+|\/+$/g, "");
  if (!/^[a-z0-9][a-z0-9.-]{1,62}$/.test(url.host) || !/^([A-Za-z0-9_-][A-Za-z0-9_.-]*(\/|$))*$/.test(prefix)) {
    throw invalid(
      location.url,
      "a bucket is in small letters, digits and dashes; a prefix in letters, digits, _ . and -",
    );
  }
  return {
    endpoint: endpoint.origin,
    bucket: url.host,
    region,
    prefix: prefix === "" ? "" : `${prefix}/`,
    keys: {
      accessKeyId: readSecret(location.accessKeyId ?? "env:AWS_ACCESS_KEY_ID"),
      secretAccessKey: readSecret(location.secretAccessKey ?? "env:AWS_SECRET_ACCESS_KEY"),
      sessionToken:
        location.sessionToken === undefined
          ? readSecretIfAny("env:AWS_SESSION_TOKEN")
          : readSecret(location.sessionToken),
    },
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(retryForMs === undefined ? {} : { retryForMs }),
  };
}
