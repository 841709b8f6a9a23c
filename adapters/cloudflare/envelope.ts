// Calls between objects. An RPC would turn our errors into plain ones, so results and errors travel as data.

import { asMillraceError, type Fault, MillraceError, type Retry } from "../../src/base/errors.ts";

export type Envelope =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: ReturnType<MillraceError["toJSON"]> };

/** Runs what an RPC asks for; never throws. */
export async function enclose(where: string, run: () => unknown): Promise<Envelope> {
  try {
    return { ok: true, value: await run() };
  } catch (thrown) {
    return { ok: false, error: asMillraceError(thrown, where).toJSON() };
  }
}

/** The value, or the error as it was thrown on the other side. A call that did not arrive is worth a retry. */
export async function unfold<T>(where: string, call: () => Promise<unknown>): Promise<T> {
  let envelope: Envelope;
  try {
    envelope = (await call()) as Envelope;
  } catch (cause) {
    const message = `the object did not answer: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new MillraceError({ code: "object_unreachable", where, message, fault: "external", retry: "backoff", cause });
  }
  if (envelope.ok) return envelope.value as T;
  const { fault, retry, ...facts } = envelope.error;
  throw new MillraceError({ ...facts, fault: fault as Fault, retry: retry as Retry });
}
