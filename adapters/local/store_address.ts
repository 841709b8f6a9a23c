// Where the shared store and the blobs of a deployment are, as the URLs that people give.

import { type MillraceError, userError } from "../../src/base/errors.ts";

const SCHEMES: Readonly<Record<string, string>> = {
  "http:": "http:",
  "https:": "https:",
  "libsql:": "https:",
  "ws:": "http:",
  "wss:": "https:",
};

/** The server's base address over HTTP. */
export function serverAddress(text: string): string {
  const url = parsed(text, "https://store.example.org");
  const scheme = SCHEMES[url.protocol];
  if (scheme === undefined) {
    throw invalid(text, `its scheme is ${url.protocol} where http, https, libsql, ws or wss would be right`);
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw invalid(shown(url), "it has more than host, port and path; a token is given apart from the address");
  }
  return `${scheme}//${url.host}${url.pathname.replace(/\/+$/, "")}`;
}

export function parsed(text: string, example: string): URL {
  try {
    return new URL(text);
  } catch {
    throw invalid(text, `it is no URL; ${example} would be one`);
  }
}

/** Without what may be secret. */
const shown = (url: URL): string => `${url.protocol}//${url.host}${url.pathname}`;

export function invalid(text: string, why: string): MillraceError {
  const name = text.replace(/\/\/[^/]*@/, "//…@").slice(0, 200);
  return userError("store_address_invalid", name, `${name} is no address of a store: ${why}`);
}
