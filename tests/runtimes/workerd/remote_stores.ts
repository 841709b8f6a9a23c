// The stores of another Durable Object as ports: each call is one RPC, and an error keeps its code and place.

import { MillraceError, asMillraceError, type ErrorFacts } from "../../../src/base/errors.ts";
import type { Platform } from "../../../src/platform/platform.ts";
import type { BlobStore, MetadataStore, SqlDatabase } from "../../../src/platform/ports.ts";

export interface StoreCall {
  readonly store: "blobs" | "metadata" | "tables";
  readonly method: string;
  readonly args: readonly unknown[];
}

type Outcome = { readonly value: unknown } | { readonly error: ErrorFacts };
type Call = (call: StoreCall) => Promise<unknown>;
type Methods = Record<string, (...args: readonly unknown[]) => Promise<unknown>>;

export async function serveStores(platform: Platform, call: StoreCall): Promise<unknown> {
  const store = platform[call.store] as unknown as Methods;
  try {
    return { value: await store[call.method]?.(...call.args) } satisfies Outcome;
  } catch (error) {
    return { error: asMillraceError(error, call.method).toJSON() } satisfies Outcome;
  }
}

async function ask<T>(call: Call, store: StoreCall["store"], method: string, ...args: readonly unknown[]): Promise<T> {
  const outcome = (await call({ store, method, args })) as Outcome;
  if ("error" in outcome) throw new MillraceError(outcome.error);
  return outcome.value as T;
}

export const remoteBlobs = (call: Call): BlobStore => ({
  put: (name, bytes) => ask(call, "blobs", "put", name, bytes),
  get: (name) => ask(call, "blobs", "get", name),
  delete: (names) => ask(call, "blobs", "delete", names),
  list: (prefix) => ask(call, "blobs", "list", prefix),
});

export const remoteMetadata = (call: Call): MetadataStore => ({
  commit: (guards, ops) => ask(call, "metadata", "commit", guards, ops),
  get: (key) => ask(call, "metadata", "get", key),
  getCounter: (key) => ask(call, "metadata", "getCounter", key),
  list: (prefix, options) => ask(call, "metadata", "list", prefix, options),
});

export const remoteSql = (call: Call): SqlDatabase => ({
  batch: (statements) => ask(call, "tables", "batch", statements),
  query: (statement) => ask(call, "tables", "query", statement),
});
