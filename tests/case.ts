// A test case as data: no test runner and no runtime is imported here, so that the same case runs on
// Node, Deno, Bun (registered with node:test) and inside workerd (run by a Durable Object).

import type { Platform } from "../src/platform/platform.ts";

export interface TestContext {
  /** The compiled kernels; make instances of your own. */
  readonly kernels: WebAssembly.Module;
  /** `node`, `deno`, `bun` or `workerd`. */
  readonly runtime: string;
  /** A fresh platform with empty stores, real for this runtime (libSQL file and temporary folder, or DO storage). */
  freshPlatform(): Promise<Platform>;
}

export interface Case {
  /** A sentence that states the rule. */
  readonly name: string;
  readonly run: (context: TestContext) => Promise<void> | void;
}

export const test = (name: string, run: Case["run"]): Case => ({ name, run });
