// The durable logs as a task's thread sees them: every call is carried out by the engine's thread, which owns them.

import { MillraceError } from "../../../src/base/errors.ts";
import type { LogFacts, LogPage, LogStore } from "../../../src/connectors/log_store.ts";
import type { LogAnswer, LogCall, PlainError } from "./messages.ts";

export class RemoteLogs implements LogStore {
  readonly #call: (id: number, call: LogCall) => void;
  readonly #waiting = new Map<number, { resolve(answer: LogAnswer): void; reject(error: Error): void }>();
  #lastId = 0;

  constructor(call: (id: number, call: LogCall) => void) {
    this.#call = call;
  }

  answered(id: number, answer: LogAnswer): void {
    this.#waiting.get(id)?.resolve(answer);
    this.#waiting.delete(id);
  }
  failed(id: number, error: PlainError): void {
    this.#waiting.get(id)?.reject(new MillraceError(error));
    this.#waiting.delete(id);
  }

  #ask(call: LogCall): Promise<LogAnswer> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#call(id, call);
    });
  }

  async describe(name: string): Promise<LogFacts | undefined> {
    return (await this.#ask({ kind: "describe", name })) as LogFacts | undefined;
  }
  async read(name: string, from: number, bytesMax: number): Promise<LogPage> {
    return (await this.#ask({ kind: "read", name, from, bytesMax })) as LogPage;
  }
  async waitForMore(name: string, from: number, timeoutMs: number): Promise<void> {
    await this.#ask({ kind: "wait", name, from, timeoutMs });
  }
  async prepareCommits(...[name, scope]: Parameters<LogStore["prepareCommits"]>): Promise<void> {
    await this.#ask({ kind: "prepare", name, scope });
  }
  async commit(...[name, scope, committables]: Parameters<LogStore["commit"]>): Promise<void> {
    await this.#ask({ kind: "commit", name, scope, committables });
  }
}

/** The other side: carries one call out. */
export async function carryOut(logs: LogStore, call: LogCall): Promise<LogAnswer> {
  switch (call.kind) {
    case "describe":
      return await logs.describe(call.name);
    case "read":
      return await logs.read(call.name, call.from, call.bytesMax);
    case "wait":
      await logs.waitForMore(call.name, call.from, call.timeoutMs);
      return undefined;
    case "prepare":
      await logs.prepareCommits(call.name, call.scope);
      return undefined;
    case "commit":
      await logs.commit(call.name, call.scope, call.committables);
      return undefined;
  }
}
