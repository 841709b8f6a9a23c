// Node, as it names itself inside the process. Deno and Bun answer this too, so they must be asked first.

import process from "node:process";

export function nodeIdentity(): { readonly name: "node"; readonly version: string } {
  return { name: "node", version: process.versions.node };
}
