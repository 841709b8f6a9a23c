// The REST interface as typed calls. What answers look like is said once, by the functions that make them.

import { asMillraceError, externalError, type Fault, MillraceError, type Retry } from "../base/errors.ts";
import type { jobDetails, jobOverview } from "../api/flink_json.ts";
import type { RestoreFate } from "../engine/restore_plan.ts";
import type { contentsJson, savepointJson } from "../api/savepoint_json.ts";

export type JobOverview = ReturnType<typeof jobOverview>;
export type JobDetails = ReturnType<typeof jobDetails>;
export type SavepointAnswer = ReturnType<typeof savepointJson>;
export type ContentsAnswer = ReturnType<typeof contentsJson>;

export interface StartRequest {
  readonly spec: unknown;
  readonly savepoint?: string;
  readonly allowNonRestoredState?: boolean;
  readonly claimMode?: "CLAIM" | "NO_CLAIM";
}

export interface CheckAnswer {
  readonly savepoint: string;
  readonly startable: boolean;
  readonly parts: readonly RestoreFate[];
}

export interface SavepointTrigger {
  /** 32 hexadecimal digits; sent again with the same ones, it is the same savepoint. */
  readonly triggerId?: string;
  readonly name?: string;
  readonly notes?: string;
  readonly archive?: boolean;
}

/** The part of `fetch` that is used. */
export type Send = (url: string, request: ClientRequest) => Promise<ClientResponse>;
export interface ClientRequest {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
}
export interface ClientResponse {
  readonly status: number;
  arrayBuffer(): Promise<ArrayBuffer>;
}

export interface ClientOptions {
  /** `http://127.0.0.1:8081` */
  readonly url: string;
  readonly token: string;
  readonly fetch: Send;
}

type Body = object | Uint8Array<ArrayBuffer> | undefined;

/** Every call rejects with the MillraceError that the server answered, or with `server_unreachable`. */
export class MillraceClient {
  readonly #url: string;
  readonly #token: string;
  readonly #send: Send;

  constructor({ url, token, fetch }: ClientOptions) {
    this.#url = url.replace(/\/+$/, "");
    this.#token = token;
    this.#send = fetch;
  }

  async jobs(): Promise<readonly JobOverview[]> {
    return (await this.#json<{ readonly jobs: readonly JobOverview[] }>("GET", "/v1/jobs/overview")).jobs;
  }
  job(jobId: string): Promise<JobDetails> {
    return this.#json("GET", `/v1/jobs/${segment(jobId)}`);
  }
  /** @returns the id of the job */
  async submit(request: StartRequest): Promise<string> {
    return (await this.#json<{ readonly jobid: string }>("POST", "/v1/jobs", request)).jobid;
  }
  check(request: StartRequest & { readonly savepoint: string }): Promise<CheckAnswer> {
    return this.#json("POST", "/v1/jobs/check", request);
  }
  async cancel(jobId: string): Promise<void> {
    await this.#json("PATCH", `/v1/jobs/${segment(jobId)}?mode=cancel`);
  }

  /** @returns the id of the savepoint that the job ends with; its record says when */
  async stop(jobId: string, request: SavepointTrigger & { readonly drain?: boolean } = {}): Promise<string> {
    return await this.#trigger(`/v1/jobs/${segment(jobId)}/stop`, request);
  }
  /** @returns the id of the savepoint; its record says when it is complete */
  async triggerSavepoint(jobId: string, request: SavepointTrigger = {}): Promise<string> {
    return await this.#trigger(`/v1/jobs/${segment(jobId)}/savepoints`, request);
  }
  async savepoints(jobId?: string): Promise<readonly SavepointAnswer[]> {
    const query = jobId === undefined ? "" : `?jobid=${segment(jobId)}`;
    const path = `/v1/savepoints${query}`;
    return (await this.#json<{ readonly savepoints: readonly SavepointAnswer[] }>("GET", path)).savepoints;
  }
  savepoint(savepoint: string): Promise<SavepointAnswer> {
    return this.#json("GET", `/v1/savepoints/${segment(savepoint)}`);
  }
  savepointContents(savepoint: string): Promise<ContentsAnswer> {
    return this.#json("GET", `/v1/savepoints/${segment(savepoint)}/contents`);
  }
  labelSavepoint(
    savepoint: string,
    change: { readonly name?: string | null; readonly notes?: string | null; readonly archive?: boolean },
  ): Promise<SavepointAnswer> {
    return this.#json("PATCH", `/v1/savepoints/${segment(savepoint)}`, change);
  }
  async deleteSavepoint(savepoint: string): Promise<void> {
    await this.#json("DELETE", `/v1/savepoints/${segment(savepoint)}`);
  }
  savepointFile(savepoint: string): Promise<Uint8Array<ArrayBuffer>> {
    return this.#call("GET", `/v1/savepoints/${segment(savepoint)}/file`);
  }
  uploadSavepoint(bytes: Uint8Array<ArrayBuffer>): Promise<SavepointAnswer> {
    return this.#json("POST", "/v1/savepoints", bytes);
  }

  async #trigger(path: string, request: SavepointTrigger): Promise<string> {
    return (await this.#json<{ readonly "request-id": string }>("POST", path, request))["request-id"];
  }

  async #json<T>(method: string, path: string, body?: Body): Promise<T> {
    const bytes = await this.#call(method, path, body);
    try {
      return JSON.parse(new TextDecoder().decode(bytes)) as T;
    } catch (cause) {
      throw notMillrace(this.#url, 200, cause);
    }
  }

  async #call(method: string, path: string, body?: Body): Promise<Uint8Array<ArrayBuffer>> {
    const isFile = body instanceof Uint8Array;
    const headers = {
      Authorization: `Bearer ${this.#token}`,
      ...(body === undefined ? {} : { "Content-Type": isFile ? "application/octet-stream" : "application/json" }),
    };
    const sent = body === undefined ? {} : { body: isFile ? body : JSON.stringify(body) };
    let response: ClientResponse;
    let bytes: Uint8Array<ArrayBuffer>;
    try {
      response = await this.#send(`${this.#url}${path}`, { method, headers, ...sent });
      bytes = new Uint8Array(await response.arrayBuffer());
    } catch (cause) {
      const message = `${this.#url} does not answer: ${reasonOf(cause)}`;
      throw externalError("server_unreachable", this.#url, message, { cause });
    }
    if (response.status < 300) return bytes;
    throw errorOf(this.#url, response.status, bytes);
  }
}

const segment = (text: string): string => encodeURIComponent(text);

/** `fetch failed` says nothing; its cause does. */
function reasonOf(thrown: unknown): string {
  const error = asMillraceError(thrown, "");
  const { cause } = thrown as { readonly cause?: unknown };
  return cause instanceof Error && cause.message !== "" ? cause.message : error.message;
}

function errorOf(url: string, status: number, bytes: Uint8Array): MillraceError {
  try {
    const found = JSON.parse(new TextDecoder().decode(bytes)) as Readonly<Record<string, string>>;
    const { code, message, where, fault, retry } = found;
    if (code === undefined || message === undefined) return notMillrace(url, status, undefined);
    return new MillraceError({ code, message, where: where ?? "", fault: fault as Fault, retry: retry as Retry });
  } catch (cause) {
    return notMillrace(url, status, cause);
  }
}

const notMillrace = (url: string, status: number, cause: unknown): MillraceError =>
  externalError("server_unknown", url, `${url} answers ${status}, and not as Millrace does; is it another server?`, {
    cause,
  });
