// Requests to an S3-compatible server: signed, limited in time, tried again where that may help.
//
// Every request that is made here may be carried out twice without harm (reads, conditional creations, deletions), so
// that one whose answer was lost is sent again. What is left after the last try is an error that says what is known.

import { randomInt } from "node:crypto";
import { externalError, type MillraceError, userError } from "../../../src/base/errors.ts";
import { systemClock, systemTimers } from "../machine.ts";
import { canonicalQuery, type S3Keys, signedHeaders, uriEncoded } from "./sigv4.ts";

export interface S3ClientOptions {
  /** Scheme, host and port; the bucket follows in the path. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  readonly keys: S3Keys;
  readonly timeoutMs?: number;
  readonly retryForMs?: number;
}

export interface S3Request {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export interface S3Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
}

const TIMEOUT_MS = 60_000;
const RETRY_FOR_MS = 15_000;
const FIRST_WAIT_MS = 50;
const WAIT_MS_MAX = 2_000;
const NOTHING = new Uint8Array(0);

/** Of a server that is busy, restarting, or settling two requests for the same key. */
const PASSING = new Set([408, 409, 425, 429, 500, 502, 503, 504]);

export class S3Client {
  readonly name: string;
  readonly #options: S3ClientOptions;
  /** What the server's clock is ahead of this one, once it has complained about it. */
  #aheadMs = 0;

  constructor(options: S3ClientOptions) {
    this.#options = options;
    this.name = `s3://${options.bucket} at ${options.endpoint}`;
  }

  /** The answer, if its status is one of `wanted`; otherwise a typed error about `where`. */
  async send(request: S3Request, wanted: readonly number[], where: string): Promise<S3Answer> {
    const giveUpMs = systemClock.monotonicMs() + (this.#options.retryForMs ?? RETRY_FOR_MS);
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, WAIT_MS_MAX)) {
      const outcome = await this.#once(request);
      if (!(outcome instanceof Error) && wanted.includes(outcome.status)) return outcome;
      // Half of the wait is drawn, so that many processes do not come back together.
      const nextMs = waitMs / 2 + randomInt(0, waitMs) / 2;
      if (!this.#mayHelp(outcome) || systemClock.monotonicMs() + nextMs > giveUpMs) {
        throw outcome instanceof Error ? this.#lost(request, where, outcome) : this.#refused(request, where, outcome);
      }
      await systemTimers.sleep(nextMs);
    }
  }

  async #once(request: S3Request): Promise<S3Answer | Error> {
    const { endpoint, bucket, region, keys, timeoutMs } = this.#options;
    const path = [bucket, ...(request.key ?? "").split("/")].map(uriEncoded).join("/");
    const query = canonicalQuery(request.query ?? {});
    const url = new URL(`${endpoint}/${path}${query === "" ? "" : `?${query}`}`);
    const { method, headers = {}, body = NOTHING } = request;
    const signed = signedHeaders({ method, url, headers, body }, keys, region, systemClock.nowMs() + this.#aheadMs);
    try {
      const answer = await fetch(url, {
        method,
        headers: signed,
        signal: AbortSignal.timeout(timeoutMs ?? TIMEOUT_MS),
        redirect: "manual",
        ...(method === "GET" || method === "HEAD" ? {} : { body: body as Uint8Array<ArrayBuffer> }),
      });
      const found = new Uint8Array(await answer.arrayBuffer());
      const length = answer.headers.get("content-length");
      if (method !== "HEAD" && length !== null && Number(length) !== found.byteLength) {
        return new Error(`the answer has ${found.byteLength} of ${length} bytes`);
      }
      return { status: answer.status, headers: answer.headers, body: found };
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  #mayHelp(outcome: S3Answer | Error): boolean {
    if (outcome instanceof Error) return true;
    if (outcome.status !== 403 || this.#aheadMs !== 0 || codeOf(outcome) !== "RequestTimeTooSkewed") {
      return PASSING.has(outcome.status);
    }
    this.#aheadMs = Date.parse(outcome.headers.get("date") ?? "") - systemClock.nowMs() || 0;
    return this.#aheadMs !== 0;
  }

  #lost(request: S3Request, where: string, cause: Error): MillraceError {
    const inner = cause.cause instanceof Error ? `: ${cause.cause.message}` : "";
    const why = `${cause.message}${inner}`;
    if (request.method === "GET" || request.method === "HEAD") {
      return externalError("store_unreachable", where, `${this.name} does not answer: ${why}`, { cause });
    }
    const message = `${this.name} did not answer a change, which may have taken effect: ${why}`;
    return externalError("store_outcome_unknown", where, message, { cause });
  }

  #refused(request: S3Request, where: string, answer: S3Answer): MillraceError {
    const code = codeOf(answer);
    const said = `${request.method} was answered ${answer.status}${code === "" ? "" : ` ${code}`}`;
    switch (answer.status) {
      case 301:
      case 307:
      case 308:
        return userError("store_address_invalid", where, `${this.name} is elsewhere, or in another region: ${said}`);
      case 401:
      case 403:
        return userError("store_unauthorized", where, `${this.name} refuses this deployment's keys: ${said}`);
      case 404:
        return userError("store_address_invalid", where, `${this.name} does not exist: ${said}`);
      case 507:
        return externalError("store_full", where, `${this.name} is full: ${said}`);
      default:
        return externalError("store_unavailable", where, `${this.name} failed: ${said}`);
    }
  }
}

/** S3 explains an error in XML; a HEAD has no room for it. */
export const codeOf = ({ body }: S3Answer): string =>
  /<Code>([^<]{1,100})<\/Code>/.exec(new TextDecoder().decode(body.subarray(0, 4096)))?.[1] ?? "";
