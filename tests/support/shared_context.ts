// The TestContext of shared cases over stores that processes share: each fresh platform has a libSQL server of its
// own, or its blobs in a directory or a bucket of an S3-compatible server. Runs on Node, Deno and Bun.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { BlobsLocation } from "../../adapters/local/blobs/open_blobs.ts";
import { silentLog } from "../../adapters/local/log_sink.ts";
import { kernelModules } from "../../adapters/local/machine.ts";
import type { SharedStore } from "../../adapters/local/open_store.ts";
import { type LocalPlatform, openLocalPlatform } from "../../adapters/local/platform.ts";
import { detectRuntime } from "../../adapters/local/runtime.ts";
import type { TestContext } from "../case.ts";
import type { S3Server } from "./s3_server.ts";
import { type Sqld, startSqld } from "./sqld.ts";

export interface SharedContext {
  readonly context: TestContext;
  close(): Promise<void>;
}

/** `store`: all is in a libSQL server. Otherwise that is where the blobs are. */
export type BlobsKind = "store" | "directory" | "s3";

export function openSharedContext(blobsIn: BlobsKind, s3?: S3Server): SharedContext {
  const root = mkdtempSync(join(tmpdir(), "millrace-shared-"));
  const platforms: LocalPlatform[] = [];
  const servers: Sqld[] = [];
  const freshPlatform: TestContext["freshPlatform"] = async () => {
    const directory = join(root, String(platforms.length));
    mkdirSync(join(directory, "files"), { recursive: true });
    const platform = await openLocalPlatform({
      directory: join(directory, "process"),
      fileRoots: [join(directory, "files")],
      log: silentLog,
      console: { print: () => undefined },
      ...(blobsIn === "store" ? await ownServer(directory) : await blobsOption(blobsIn, join(directory, "blobs"), s3)),
    });
    platforms.push(platform);
    return platform;
  };
  const ownServer = async (directory: string): Promise<{ store: SharedStore }> => {
    const server = await startSqld({ directory: join(directory, "sqld") });
    servers.push(server);
    return { store: { url: server.url } };
  };
  const close = async (): Promise<void> => {
    for (const platform of platforms) await platform.close();
    for (const server of servers) await server.kill();
    rmSync(root, { recursive: true, force: true });
  };
  return { context: { kernels: kernelModules().kernels, runtime: detectRuntime().name, freshPlatform }, close };
}

async function blobsOption(kind: BlobsKind, directory: string, s3?: S3Server): Promise<{ blobs?: BlobsLocation }> {
  if (kind === "directory") return { blobs: { url: pathToFileURL(directory).href } };
  if (kind === "store" || s3 === undefined) return {};
  return { blobs: await s3.bucket() };
}
