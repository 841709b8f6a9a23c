// The files that the checks read: everything of the project that is not installed, built or generated.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { SourceFile } from "./rules.ts";

export const rootPath = fileURLToPath(new URL("../..", import.meta.url));

const leftOut = new Set([
  "node_modules",
  "build",
  "dist",
  ".git",
  ".cache",
  ".millrace",
  ".wrangler",
  "data",
  "snapshots",
]);

/** Paths relative to the top folder of all files whose name ends with one of `endings`, in order. */
export function pathsWith(...endings: readonly string[]): readonly string[] {
  const found: string[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(join(rootPath, folder), { withFileTypes: true })) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!leftOut.has(entry.name)) walk(path);
      } else if (endings.some((ending) => entry.name.endsWith(ending))) found.push(path);
    }
  };
  walk("");
  return found.sort();
}

export const read = (path: string): SourceFile => ({ path, text: readFileSync(join(rootPath, path), "utf8") });

export const sourceFiles = (): readonly SourceFile[] => pathsWith(".ts", ".tsx").map(read);
