// The TestContext of shared cases over a store that processes share: each fresh platform has a libSQL server of its
// own. Runs on Node, Deno and Bun.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../adapters/local/log_sink.ts";
import { kernelModules } from "../../adapters/local/machine.ts";
import { type LocalPlatform, openLocalPlatform } from "../../adapters/local/platform.ts";
import { detectRuntime } from "../../adapters/local/runtime.ts";
import type { TestContext } from "../case.ts";
import { type Sqld, startSqld } from "./sqld.ts";

export interface SharedContext {
  readonly context: TestContext;
  close(): Promise<void>;
}

export function openSharedContext(): SharedContext {
  const root = mkdtempSync(join(tmpdir(), "millrace-shared-"));
  const platforms: LocalPlatform[] = [];
  const servers: Sqld[] = [];
  const freshPlatform: TestContext["freshPlatform"] = async () => {
    const directory = join(root, String(servers.length));
    mkdirSync(join(directory, "files"), { recursive: true });
    const server = await startSqld({ directory: join(directory, "sqld") });
    servers.push(server);
    const platform = await openLocalPlatform({
      directory: join(directory, "process"),
      fileRoots: [join(directory, "files")],
      store: { url: server.url },
      log: silentLog,
      console: { print: () => undefined },
    });
    platforms.push(platform);
    return platform;
  };
  const close = async (): Promise<void> => {
    for (const platform of platforms) await platform.close();
    for (const server of servers) await server.kill();
    rmSync(root, { recursive: true, force: true });
  };
  return { context: { kernels: kernelModules().kernels, runtime: detectRuntime().name, freshPlatform }, close };
}
