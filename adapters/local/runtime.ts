// Which runtime this process is: asked of the process itself, never of configuration.

import { bunIdentity } from "../bun/identity.ts";
import { denoIdentity } from "../deno/identity.ts";
import { nodeIdentity } from "../node/identity.ts";

export interface RuntimeIdentity {
  readonly name: "node" | "deno" | "bun";
  readonly version: string;
}

/** Deno and Bun also answer as Node, so they are asked first. */
export function detectRuntime(): RuntimeIdentity {
  return denoIdentity() ?? bunIdentity() ?? nodeIdentity();
}
