// The test Worker: lists the shared cases, and runs each inside a Durable Object of its own, so that a case
// has real, empty storage. Driven over HTTP by ../workerd_main.ts.

import { DurableObject } from "cloudflare:workers";
import { topics } from "millrace:topics";
import kernels from "../../../build/kernels.wasm";
import { openWorkerPlatform } from "../../../adapters/cloudflare/platform.ts";
import type { Platform } from "../../../src/platform/platform.ts";
import type { TestContext } from "../../case.ts";
import { loadCases, noteStrayError, runCase } from "../run_case.ts";
import { remoteBlobs, remoteMetadata, remoteSql, type StoreCall, serveStores } from "./remote_stores.ts";

interface Env {
  readonly TEST: DurableObjectNamespace<TestObject>;
}

addEventListener("unhandledrejection", (event) => noteStrayError(event.reason));

export class TestObject extends DurableObject<Env> {
  #platform: Promise<Platform> | undefined;
  #opened = 0;

  override async fetch(request: Request): Promise<Response> {
    const name = new URL(request.url).searchParams.get("name") ?? "";
    const one = (await loadCases(topics, name)).find((candidate) => candidate.name === name);
    if (one === undefined) return Response.json({ kind: "fail", name, ms: 0, error: "there is no such case" });
    const context: TestContext = { kernels, runtime: "workerd", freshPlatform: () => this.#freshPlatform() };
    return Response.json(await runCase(one, context));
  }

  /** Called by a sibling whose case wants a second platform beside its own. */
  async callStore(call: StoreCall): Promise<unknown> {
    return serveStores(await this.#ownPlatform(), call);
  }

  /** The first platform is this object's own storage; each further one is that of a sibling, reached by RPC. */
  async #freshPlatform(): Promise<Platform> {
    const own = await this.#ownPlatform();
    this.#opened++;
    if (this.#opened === 1) return own;
    const sibling = this.env.TEST.get(this.env.TEST.idFromName(`${this.ctx.id.toString()} ${this.#opened}`));
    const call = (one: StoreCall): Promise<unknown> => sibling.callStore(one) as Promise<unknown>;
    return { ...own, blobs: remoteBlobs(call), metadata: remoteMetadata(call), tables: remoteSql(call) };
  }

  #ownPlatform(): Promise<Platform> {
    this.#platform ??= openWorkerPlatform({ storage: this.ctx.storage, kernels });
    return this.#platform;
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const name = searchParams.get("name") ?? "";
    if (pathname === "/list") return Response.json((await loadCases(topics, name)).map((one) => one.name));
    return env.TEST.get(env.TEST.idFromName(name)).fetch(request);
  },
};
