// The version of this package.

import { readFileSync } from "node:fs";

/** Read from the package itself, so that there is one place to change it. */
export function millraceVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
