// Who reads from whom: resolves `input` names, finds missing and repeated uids, cycles, branches and loose ends.
// This version runs one source and one chain a job; what goes beyond that is refused here and nowhere else.

import { present } from "../base/assert.ts";
import { didYouMean, oneOf, type Problem, show } from "../expression/problem.ts";
import type { OutputName, ResolvedInput } from "./resolved_job.ts";

/** What is known of an operator after its shape was checked; undefined where the spec is wrong there. */
export interface WiredOperator {
  readonly path: string;
  readonly uid: string | undefined;
  readonly kind: "source" | "filter" | "project" | "window" | "sink" | undefined;
  readonly input: string | undefined;
}

export interface Wiring {
  /** Positions of operators, each after the one that it reads from; those in a cycle are missing. */
  readonly order: readonly number[];
  /** By position; undefined for sources and where the input is wrong. */
  readonly inputs: readonly ((ResolvedInput & { readonly position: number }) | undefined)[];
}

const SIDE_OUTPUTS: Readonly<Record<string, OutputName>> = { source: "rejected", window: "late" };

export function wire(operators: readonly WiredOperator[], problems: Problem[]): Wiring {
  const positions = positionsOf(operators, problems);
  const inputs = operators.map((one) => resolveInput(one, operators, positions, problems));
  const order = topologicalOrder(operators, inputs, problems);
  if (order.length === operators.length) refuseBranches(operators, inputs, problems);
  return { order, inputs };
}

function positionsOf(operators: readonly WiredOperator[], problems: Problem[]): ReadonlyMap<string, number> {
  const positions = new Map<string, number>();
  const folded = new Map<string, string>();
  for (const [position, { uid, path }] of operators.entries()) {
    if (uid === undefined) continue;
    const other = folded.get(uid.toLowerCase());
    if (other !== undefined) {
      problems.push({
        path: `${path}.uid`,
        found: show(uid),
        expected: `a uid of its own: ${other} has it (case does not count)`,
      });
    } else {
      folded.set(uid.toLowerCase(), path);
      positions.set(uid, position);
    }
  }
  return positions;
}

type Input = ResolvedInput & { readonly position: number };

function resolveInput(
  reader: WiredOperator,
  operators: readonly WiredOperator[],
  positions: ReadonlyMap<string, number>,
  problems: Problem[],
): Input | undefined {
  if (reader.input === undefined) return undefined;
  const refuse = (expected: string): undefined => {
    problems.push({ path: `${reader.path}.input`, found: show(reader.input), expected });
  };
  const [uid = "", side, ...rest] = reader.input.split("#");
  const position = positions.get(uid);
  // The uid that is meant may be one that could not be read.
  if (position === undefined && operators.some((one) => one.uid === undefined)) return undefined;
  if (position === undefined || rest.length > 0) {
    const names = operators.flatMap((one) => (one.uid === undefined || one.kind === "sink" ? [] : [one.uid]));
    const known = names.filter((name) => name !== reader.uid);
    return refuse(
      known.length === 0
        ? "the uid of an operator"
        : `the uid of an operator: ${oneOf(known)}${didYouMean(uid, known)}`,
    );
  }
  const { kind } = present(operators[position], "an operator at its own position");
  if (kind === "sink") return refuse("an operator with an output; a sink has none");
  if (side === undefined) return { uid, position, output: "main" };
  const wanted = kind === undefined ? undefined : SIDE_OUTPUTS[kind];
  if (kind !== undefined && side !== wanted) {
    const outputs = wanted === undefined ? [uid] : [uid, `${uid}#${wanted}`];
    return refuse(`${oneOf(outputs)}: a ${kind} has ${wanted === undefined ? "no side output" : "no other outputs"}`);
  }
  if (kind === undefined) return undefined;
  if (reader.kind !== undefined && reader.kind !== "sink")
    return refuse("an operator's main output: only sinks read side outputs");
  return { uid, position, output: side as OutputName };
}

function topologicalOrder(
  operators: readonly WiredOperator[],
  inputs: readonly (Input | undefined)[],
  problems: Problem[],
): number[] {
  const order: number[] = [];
  const state: ("new" | "open" | "done" | "cyclic")[] = operators.map(() => "new");
  for (const start of operators.keys()) {
    const trail: number[] = [];
    let position: number | undefined = start;
    while (position !== undefined && state[position] === "new") {
      state[position] = "open";
      trail.push(position);
      position = inputs[position]?.position;
    }
    const blocked = position !== undefined && state[position] !== "done";
    if (position !== undefined && state[position] === "open")
      reportCycle(trail.slice(trail.indexOf(position)), operators, problems);
    for (const one of trail.reverse()) {
      state[one] = blocked ? "cyclic" : "done";
      if (!blocked) order.push(one);
    }
  }
  return order;
}

function reportCycle(cycle: readonly number[], operators: readonly WiredOperator[], problems: Problem[]): void {
  const first = present(operators[Math.min(...cycle)], "an operator of the cycle");
  const names = cycle.map((one) => operators[one]?.uid ?? "?");
  const round = [...names, names[0]].join(" reads ");
  problems.push({
    path: `${first.path}.input`,
    found: `a cycle: ${round}`,
    expected: "operators that lead back to a source",
  });
}

function refuseBranches(
  operators: readonly WiredOperator[],
  inputs: readonly (Input | undefined)[],
  problems: Problem[],
): void {
  const sources = operators.filter((one) => one.kind === "source");
  for (const { path } of sources.slice(1)) {
    const first = present(sources[0], "the first source").path;
    problems.push({
      path,
      found: "another source",
      expected: `one source a job in this version; ${first} is the first`,
    });
  }
  const unreadable = operators.some(
    (one) => one.kind === undefined || (one.kind !== "source" && one.input === undefined),
  );
  if (sources.length === 0 && !unreadable) {
    problems.push({ path: "operators", found: "no source", expected: "an operator of kind source" });
  }
  if (!unreadable && !operators.some((one) => one.kind === "sink")) {
    problems.push({ path: "operators", found: "no sink", expected: "an operator of kind sink" });
  }
  for (const [position, operator] of operators.entries()) {
    if (operator.kind === "sink" || operator.uid === undefined) continue;
    const readers = operators.filter(
      (_, other) => inputs[other]?.position === position && inputs[other]?.output === "main",
    );
    const chained = readers.filter((one) => one.kind !== "sink");
    for (const { path } of chained.slice(1)) {
      const expected = `one operator (and any number of sinks) after ${show(operator.uid)} in this version; ${chained[0]?.path} is the first`;
      problems.push({ path: `${path}.input`, found: "a second branch", expected });
    }
    const loose = inputs.some((one, other) => one === undefined && operators[other]?.kind !== "source");
    if (readers.length === 0 && !loose) {
      problems.push({
        path: operator.path,
        found: `nothing that reads ${show(operator.uid)}`,
        expected: "an operator or a sink that does",
      });
    }
  }
}
