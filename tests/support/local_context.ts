// The TestContext of Node, Deno and Bun: real libSQL files in a temporary directory that is removed afterwards.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LocalPlatform, openLocalPlatform } from "../../adapters/local/platform.ts";
import { silentLog } from "../../adapters/local/log_sink.ts";
import { kernelModules } from "../../adapters/local/machine.ts";
import { detectRuntime } from "../../adapters/local/runtime.ts";
import type { TestContext } from "../case.ts";

export interface LocalContext extends TestContext {
  freshPlatform(): Promise<LocalPlatform & { readonly directory: string; readonly printed: readonly string[] }>;
}

/** `close` closes every platform and removes what they wrote. */
export async function openLocalContext(
  kernels: WebAssembly.Module = kernelModules().kernels,
  runtime: string = detectRuntime().name,
): Promise<{ readonly context: LocalContext; close(): Promise<void> }> {
  const root = mkdtempSync(join(tmpdir(), "millrace-test-"));
  const open: LocalPlatform[] = [];
  const freshPlatform: LocalContext["freshPlatform"] = async () => {
    const directory = join(root, String(open.length));
    mkdirSync(join(directory, "files"), { recursive: true });
    const printed: string[] = [];
    const platform = await openLocalPlatform({
      directory: join(directory, "store"),
      fileRoots: [join(directory, "files")],
      log: silentLog,
      console: { print: (line) => printed.push(line) },
    });
    open.push(platform);
    return { ...platform, directory, printed };
  };
  const close = async (): Promise<void> => {
    for (const platform of open) await platform.close();
    rmSync(root, { recursive: true, force: true });
  };
  return { context: { kernels, runtime, freshPlatform }, close };
}
