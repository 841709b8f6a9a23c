// Production's limits, enforced here because workerd on a developer's machine is laxer than Cloudflare.
// What passes locally must not fail after deployment.

import { userError } from "../../src/base/errors.ts";

/** One row, and one key with its value, in a Durable Object's storage. */
export const ROW_BYTES_MAX = 2_000_000;
/** One RPC message, and here also one batch of SQL statements, which an RPC may have to carry. */
export const CALL_BYTES_MAX = 32 * 1024 * 1024;
export const SQL_TEXT_BYTES_MAX = 100_000;
export const SQL_PARAMETERS_MAX = 100;
/** Bytes of a key of the key-value storage. */
export const KEY_BYTES_MAX = 2048;
/** Keys that one `put` or `delete` of the key-value storage takes. */
export const KEYS_PER_CALL_MAX = 128;

/** Throws `platform_limit` where `found` exceeds what production allows. */
export function demandAtMost(what: string, where: string, found: number, most: number): void {
  if (found <= most) return;
  throw userError("platform_limit", where, `${what} is ${found}, but Durable Objects allow at most ${most}`);
}
