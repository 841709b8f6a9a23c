// The files that a source's spec lists, and what is said when they are not what they were.

import { type MillraceError, userError } from "../base/errors.ts";
import type { SourceNode } from "../graph/plan.ts";

/** A file that is listed twice would yield two splits of one name. */
export function distinctPaths(node: SourceNode, paths: readonly string[]): readonly string[] {
  const repeated = paths.find((path, index) => paths.indexOf(path) !== index);
  if (repeated === undefined) return paths;
  throw userError("spec_invalid", `operator ${node.uid}`, `the path ${repeated} is listed twice; list each file once`);
}

/** A restored split may only name a file that the spec lists too. */
export function listedPath(paths: readonly string[], path: string): string {
  if (paths.includes(path)) return path;
  throw userError(
    "source_changed",
    path,
    `the state to restore was reading ${path}, which the spec does not list; it lists ${paths.join(", ")}`,
  );
}

export const fileChanged = (path: string, why: string): MillraceError =>
  userError(
    "source_changed",
    path,
    `${path} is not the file that was being read: ${why}; put it back, or start the job anew`,
  );
