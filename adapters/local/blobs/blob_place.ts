// Where a person finds a blob by other means than Millrace.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { filePath, objectKey } from "./blob_names.ts";

/** @param url where blobs are; undefined: in the store, which only Millrace reads. */
export function blobPlace(url: string | undefined, name: string): string {
  if (url === undefined) return `the store, as ${name}`;
  const { protocol, host, pathname } = new URL(url);
  if (protocol === "file:") return join(fileURLToPath(url), filePath(name));
  return `s3://${[host, ...pathname.split("/"), objectKey(name)].filter((part) => part !== "").join("/")}`;
}
