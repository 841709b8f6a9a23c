// In which form a keyed kernel holds the keys of these columns; codes of kernels/table/layout.ts.

import { present } from "../base/assert.ts";
import type { Field } from "../batch/schema.ts";

export const keyKind = { fixed: 0, nullable: 1, text: 2, composite: 3 } as const;

/** Length of the kernels' list of key columns. */
export const KEY_COLUMNS_MAX = 16;

export function keyKindOf(keys: readonly Field[]): number {
  if (keys.length > 1) return keyKind.composite;
  const key = present(keys[0], "a key column");
  if (key.type === "utf8") return keyKind.text;
  return key.nullable ? keyKind.nullable : keyKind.fixed;
}
