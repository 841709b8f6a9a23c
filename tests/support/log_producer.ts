// An idempotent producer of a durable log over HTTP: each batch has a sequence of its own and is sent again until it
// is answered, so that it takes effect once, however often the other end dies.

import type { MillraceWorker } from "./millrace_worker.ts";

/** A call that hangs is given up; its outcome is unknown, like that of one that broke off. */
const CALL_LIMIT_MS = 10_000;
const RETRY_MS = 20;

/** The answer, or undefined where none came. */
export async function answered<T>(call: () => Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), CALL_LIMIT_MS);
  });
  try {
    return await Promise.race([call().catch(() => undefined), limit]);
  } finally {
    clearTimeout(timer);
  }
}

export class LogProducer {
  readonly #worker: MillraceWorker;
  readonly #path: string;
  #sequence = 0;
  #tail: Promise<void> = Promise.resolve();
  /** Calls that got no answer or a refusal that passes, and were made again. */
  retries = 0;

  constructor(worker: MillraceWorker, log: string) {
    this.#worker = worker;
    this.#path = `/v1/stream/${log}`;
  }

  /** Appends after whatever was given before; resolves when everything is in the log. */
  append(records: readonly string[]): Promise<void> {
    const sequence = this.#sequence++;
    this.#tail = this.#tail.then(() => this.#send(sequence, `[${records.join(",")}]`, {}));
    return this.#tail;
  }

  /** No record follows. */
  close(): Promise<void> {
    const sequence = this.#sequence++;
    this.#tail = this.#tail.then(() => this.#send(sequence, undefined, { "Stream-Closed": "true" }));
    return this.#tail;
  }

  async #send(sequence: number, body: string | undefined, more: Record<string, string>): Promise<void> {
    const headers = {
      "Content-Type": "application/json",
      "Producer-Id": "crash-test",
      "Producer-Epoch": "0",
      "Producer-Seq": String(sequence),
      ...more,
    };
    for (;;) {
      const answer = await answered(() => this.#worker.send("POST", this.#path, headers, body));
      if (answer !== undefined && answer.status < 300) return;
      if (answer !== undefined && answer.status < 500) {
        throw new Error(`append ${sequence}: ${answer.status} ${answer.text}`);
      }
      this.retries++;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}
