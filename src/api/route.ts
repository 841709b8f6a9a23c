// Routes as data, so that one list answers requests, tells a wrong method from a wrong path, and can be documented.

import type { Context } from "hono";
import type { Answer } from "./error_answer.ts";

export interface Route {
  readonly method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  /** `:name` stands for one segment. */
  readonly path: string;
  readonly handle: (c: Context) => Promise<Answer> | Answer;
}

/** The methods that some route has for this path. */
export function methodsOf(routes: readonly Pick<Route, "method" | "path">[], path: string): string[] {
  const methods = new Set<string>();
  for (const route of routes) {
    if (!matches(route.path, path)) continue;
    methods.add(route.method);
    if (route.method === "GET") methods.add("HEAD");
  }
  return [...methods].sort();
}

function matches(pattern: string, path: string): boolean {
  const wanted = pattern.split("/");
  const found = path.split("/");
  return (
    wanted.length === found.length &&
    wanted.every((part, index) => (part.startsWith(":") ? found[index] !== "" : part === found[index]))
  );
}
