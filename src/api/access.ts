// Who may call: a token for everything but the health check, and for servers on a loopback address only requests that
// name the server itself, so that no web page can reach it under a name of its own (DNS rebinding).

import { utf8 } from "../base/bytes.ts";
import { userError } from "../base/errors.ts";
import type { Digest } from "../platform/ports.ts";

export interface AccessRules {
  readonly digest: Digest;
  readonly token: string;
  /** Where the user finds the token; part of the answer to a request without one. */
  readonly tokenHint: string;
  /** Host names that requests may be sent to; absent: any. Ports do not count. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** Origins of web pages that may call; the server's own is always allowed. */
  readonly allowedOrigins?: readonly string[] | undefined;
}

type HeaderReader = (name: string) => string | undefined;

/** Throws `host_not_allowed` or `origin_not_allowed`. */
export function checkOrigin(rules: AccessRules, header: HeaderReader): void {
  const host = header("Host");
  if (rules.allowedHosts !== undefined && (host === undefined || !rules.allowedHosts.includes(hostnameOf(host)))) {
    const found = host === undefined ? "the request names no host" : `the request is for ${shown(host)}`;
    throw userError(
      "host_not_allowed",
      "header Host",
      `${found}; this server answers to ${rules.allowedHosts.join(", ")}`,
    );
  }
  const origin = header("Origin");
  if (origin === undefined || rules.allowedOrigins?.includes(origin) === true) return;
  if (host !== undefined && (origin === `http://${host}` || origin === `https://${host}`)) return;
  throw userError("origin_not_allowed", "header Origin", `pages of ${shown(origin)} may not call this server`);
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 80));

/** `127.0.0.1:8081` and `[::1]:8081` without their ports. */
const hostnameOf = (host: string): string => host.toLowerCase().replace(/:\d*$/, "");

/** Throws `unauthorized` unless the request carries the token. */
export function checkToken(rules: AccessRules, header: HeaderReader): void {
  const sent = header("Authorization");
  const match = /^Bearer +([^ ]+) *$/i.exec(sent ?? "");
  if (match === null) {
    const found =
      sent === undefined ? "the request carries no token" : "the Authorization header is not a bearer token";
    throw userError(
      "unauthorized",
      "header Authorization",
      `${found}: send "Authorization: Bearer <token>"; ${rules.tokenHint}`,
    );
  }
  if (!sameText(rules.digest, match[1] as string, rules.token)) {
    throw userError("unauthorized", "header Authorization", `the token is not this server's; ${rules.tokenHint}`);
  }
}

/** Takes the same time wherever the texts differ, and whatever their lengths are. */
function sameText(digest: Digest, left: string, right: string): boolean {
  const [a, b] = [left, right].map((text) => {
    const stream = digest.sha256();
    stream.update(utf8(text));
    return stream.finish();
  }) as [Uint8Array, Uint8Array];
  let difference = 0;
  for (let index = 0; index < a.byteLength; index++) difference |= (a[index] as number) ^ (b[index] as number);
  return difference === 0;
}
