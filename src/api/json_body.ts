// JSON request bodies: counted while they arrive, checked for depth before anything parses them.

import type { Context } from "hono";
import { textOf } from "../base/bytes.ts";
import { MillraceError, userError } from "../base/errors.ts";
import { JsonText } from "../log/json_text.ts";
import { readBody } from "./body_reader.ts";

/** Deeper than any valid spec: parsers of some runtimes recurse, and a request must not reach their end. */
const DEPTH_MAX = 128;

const WHERE = "request body";

export const mediaTypeOf = (c: Context): string =>
  (c.req.header("Content-Type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";

/** Throws `content_type_unsupported`, `body_too_large` or `json_invalid`. An empty body is `undefined`. */
export async function readJson(c: Context, bytesMax: number): Promise<unknown> {
  const bytes = await readBody(c.req.raw, bytesMax, WHERE);
  if (bytes.byteLength === 0) return undefined;
  const type = mediaTypeOf(c);
  if (type !== "application/json" && !/^application\/[a-z0-9.-]+\+json$/.test(type)) {
    const found = type === "" ? "the body has no Content-Type" : `the body is ${JSON.stringify(type.slice(0, 80))}`;
    throw userError("content_type_unsupported", "header Content-Type", `${found}; application/json would be right`);
  }
  if (depthOf(bytes) > DEPTH_MAX) {
    throw userError("json_invalid", WHERE, `the body is nested deeper than ${DEPTH_MAX} levels`);
  }
  let text: string;
  try {
    text = textOf(bytes);
  } catch (cause) {
    throw userError("json_invalid", WHERE, "the body is not valid UTF-8", { cause });
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw userError("json_invalid", WHERE, whyNotJson(bytes), { cause });
  }
}

/** What is wrong with bytes that JSON.parse refused, in the same words on every runtime: its own differ. */
export function whyNotJson(bytes: Uint8Array): string {
  try {
    new JsonText(bytes, WHERE).records();
  } catch (error) {
    if (error instanceof MillraceError) return error.message;
    throw error;
  }
  return "not JSON";
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The deepest nesting of lists and objects, by counting brackets outside of strings. */
function depthOf(bytes: Uint8Array): number {
  let depth = 0;
  let deepest = 0;
  let inText = false;
  for (let at = 0; at < bytes.byteLength; at++) {
    const byte = bytes[at] as number;
    if (inText) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) inText = false;
    } else if (byte === QUOTE) inText = true;
    else if (byte === 0x5b || byte === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (byte === 0x5d || byte === 0x7d) depth--;
  }
  return deepest;
}
