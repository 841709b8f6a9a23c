// Values on their way into and out of a libSQL client, the same for files and servers.

import type { InValue } from "@libsql/client/sqlite3";
import type { SqlValue } from "../../src/platform/ports.ts";

/** The clients refuse what is not finite; SQLite itself stores NaN as NULL and reads such text as an infinity. */
export function boundValue(value: SqlValue): InValue {
  if (typeof value !== "number" || Number.isFinite(value)) return value;
  if (Number.isNaN(value)) return null;
  return value > 0 ? "9e999" : "-9e999";
}

/** Of a client that reads integers as bigint. */
export function plainValue(value: SqlValue | ArrayBuffer): SqlValue {
  if (typeof value === "bigint" && BigInt(Number(value)) === value && Number.isSafeInteger(Number(value))) {
    return Number(value);
  }
  return value instanceof ArrayBuffer ? new Uint8Array(value) : value;
}
