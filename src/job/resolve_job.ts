// Follows the columns from the sources through every operator and has each one's rules checked against its inputs.

import { present } from "../base/assert.ts";
import { type Problem, show } from "../expression/problem.ts";
import type { KnownFunctions } from "./process_function.ts";
import { resolveIntervalJoin, resolveJoin } from "./resolve_joins.ts";
import { resolveAggregate, resolveTopN, resolveWindow } from "./resolve_keyed.ts";
import { resolveProcess } from "./resolve_process.ts";
import { resolveFilter, resolveProject, resolveUnion } from "./resolve_rows.ts";
import { resolveSink } from "./resolve_sink.ts";
import { resolveSource } from "./resolve_source.ts";
import type { ResolvedOperator } from "./resolved_job.ts";
import type { Shaped } from "./shape_operator.ts";
import { failed, type InputStream, type Resolution, type Site, UNKNOWN } from "./stream.ts";
import type { WiredInput, Wiring } from "./wiring.ts";

export { WINDOW_END, WINDOW_START } from "./resolve_keyed.ts";
export { rejectedSchema } from "./resolve_source.ts";

/** What all operators of a job share. */
export interface JobSite {
  readonly parallelism: number;
  readonly maxParallelism: number;
  readonly functions: KnownFunctions;
}

/** Operators in the order of the wiring; those in which something is wrong are left out. */
export function resolveAll(
  shaped: readonly Shaped[],
  wiring: Wiring,
  job: JobSite,
  problems: Problem[],
): ResolvedOperator[] {
  const done = new Map<number, Resolution & { readonly parallelism: number }>();
  const resolved: ResolvedOperator[] = [];
  const directories = new Map<string, string>();
  for (const position of wiring.order) {
    const one = present(shaped[position], "an operator at its own position");
    const wired = wiring.inputs[position] ?? [];
    const inputs = one.references.map((reference, index): InputStream => {
      const from = wired[index];
      const stream = from && streamOf(done.get(from.position), from);
      return { ...(stream ?? UNKNOWN), path: reference.path, uid: from?.uid ?? "", output: from?.output ?? "main" };
    });
    const upstream = done.get(wired[0]?.position ?? -1)?.parallelism;
    const parallelism = parallelismOf(one, upstream, job, problems);
    const { functions } = job;
    const outcome = resolveOne(one, { path: one.path, problems, inputs, parallelism, functions, short: one.short });
    done.set(position, { ...outcome, ...(one.partial ? { main: UNKNOWN } : {}), parallelism });
    if (outcome.operator !== undefined) resolved.push(outcome.operator);
    if (outcome.operator?.kind === "sink") refuseSharedDirectory(outcome.operator, one.path, directories, problems);
  }
  return resolved;
}

const streamOf = (upstream: Resolution | undefined, { output }: WiredInput): Resolution["main"] | undefined =>
  output === "main" ? upstream?.main : upstream?.sides.get(output);

/** A sink runs beside what it reads, unless told otherwise. */
function parallelismOf(one: Shaped, upstream: number | undefined, job: JobSite, problems: Problem[]): number {
  const given = one.fields["parallelism"] as number | undefined;
  if (given !== undefined && given > job.maxParallelism) {
    const expected = `at most maxParallelism, which is ${job.maxParallelism}`;
    problems.push({ path: `${one.path}.parallelism`, found: show(given), expected });
  }
  return given ?? (one.kind === "sink" ? upstream : undefined) ?? job.parallelism;
}

function resolveOne({ kind, fields }: Shaped, site: Site): Resolution {
  switch (kind) {
    case "source":
      return resolveSource(fields, site);
    case "filter":
      return resolveFilter(fields, site);
    case "project":
      return resolveProject(fields, site);
    case "union":
      return resolveUnion(fields, site);
    case "window":
      return resolveWindow(fields, site);
    case "aggregate":
      return resolveAggregate(fields, site);
    case "interval_join":
      return resolveIntervalJoin(fields, site);
    case "join":
      return resolveJoin(fields, site);
    case "top_n":
      return resolveTopN(fields, site);
    case "process":
      return resolveProcess(fields, site);
    case "sink":
      return resolveSink(fields, site);
    case undefined:
      return failed;
  }
}

function refuseSharedDirectory(
  sink: ResolvedOperator & { readonly kind: "sink" },
  path: string,
  directories: Map<string, string>,
  problems: Problem[],
): void {
  const { connector } = sink.spec;
  if (connector.kind !== "ndjson_files") return;
  const directory = connector.directory.replace(/\/+$/, "");
  const other = directories.get(directory);
  if (other !== undefined) {
    problems.push({
      path: `${path}.connector.directory`,
      found: show(connector.directory),
      expected: `a directory of its own: ${other} writes there`,
    });
  }
  directories.set(directory, path);
}
