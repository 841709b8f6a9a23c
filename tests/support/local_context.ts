// The context of a shared case on Node, Deno and Bun. One is opened for each case and closed after it, so that
// whatever a case leaves in its stores is gone before the next one.

import type { TestContext } from "../case.ts";

export interface OpenContext {
  readonly context: TestContext;
  /** Closes every store that `freshPlatform` opened and removes its folder. */
  close(): Promise<void>;
}

export async function openLocalContext(kernels: WebAssembly.Module, runtime: string): Promise<OpenContext> {
  const freshPlatform = () => Promise.reject(new Error(`this context has no stores on ${runtime}`));
  return { context: { kernels, runtime, freshPlatform }, close: async () => undefined };
}
