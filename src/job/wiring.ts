// Who reads from whom: resolves the names in `input`, `inputs`, `left` and `right`, finds missing and repeated uids,
// cycles and loose ends.

import { present } from "../base/assert.ts";
import { didYouMean, oneOf, type Problem, show } from "../expression/problem.ts";
import { cyclesOf, readingOrder } from "./cycles.ts";
import type { OperatorSpec } from "./job_spec.ts";

/** One name of an input; undefined where the spec is wrong there. */
export interface Reference {
  /** `operators[3].inputs[1]` */
  readonly path: string;
  readonly name: string | undefined;
}

/** What is known of an operator after its shape was checked; undefined where the spec is wrong there. */
export interface WiredOperator {
  readonly path: string;
  readonly uid: string | undefined;
  readonly kind: OperatorSpec["kind"] | undefined;
  readonly references: readonly Reference[];
  /** Names of the side outputs; undefined where the spec is wrong about them. */
  readonly sides: readonly string[] | undefined;
}

export interface WiredInput {
  readonly uid: string;
  readonly output: string;
  readonly position: number;
}

export interface Wiring {
  /** Positions of operators, each after those that it reads from; those in a cycle or behind one are missing. */
  readonly order: readonly number[];
  /** By position, one a reference; undefined where it is wrong. */
  readonly inputs: readonly (readonly (WiredInput | undefined)[])[];
}

export function wire(operators: readonly WiredOperator[], problems: Problem[]): Wiring {
  const positions = positionsOf(operators, problems);
  const inputs = operators.map((one) =>
    one.references.map((reference) => resolveInput(one, reference, operators, positions, problems)),
  );
  const reads = inputs.map((list) => list.map((one) => one?.position));
  const order = readingOrder(reads);
  for (const cycle of cyclesOf(reads, order)) reportCycle(cycle, operators, inputs, problems);
  if (order.length === operators.length) refuseLooseEnds(operators, inputs, problems);
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

function resolveInput(
  reader: WiredOperator,
  { name, path }: Reference,
  operators: readonly WiredOperator[],
  positions: ReadonlyMap<string, number>,
  problems: Problem[],
): WiredInput | undefined {
  if (name === undefined) return undefined;
  const refuse = (expected: string): undefined => {
    problems.push({ path, found: show(name), expected });
  };
  const [uid = "", side, ...rest] = name.split("#");
  const position = positions.get(uid);
  // The uid that is meant may be one that could not be read.
  if (position === undefined && operators.some((one) => one.uid === undefined)) return undefined;
  if (position === undefined || rest.length > 0) {
    const names = operators.flatMap((one) => (one.uid === undefined || one.kind === "sink" ? [] : [one.uid]));
    const known = names.filter((other) => other !== reader.uid);
    return refuse(
      known.length === 0
        ? "the uid of an operator"
        : `the uid of an operator: ${oneOf(known)}${didYouMean(uid, known)}`,
    );
  }
  const { kind, sides } = present(operators[position], "an operator at its own position");
  if (kind === "sink") return refuse("an operator with an output; a sink has none");
  if (side === undefined) return { uid, position, output: "main" };
  if (kind === undefined || sides === undefined) return undefined;
  if (sides.includes(side)) return { uid, position, output: side };
  const outputs = [uid, ...sides.map((one) => `${uid}#${one}`)];
  const article = /^[aeiou]/.test(kind) && kind !== "union" ? "an" : "a";
  return refuse(
    `${oneOf(outputs)}: ${article} ${kind} has ${sides.length === 0 ? "no side output" : "no other outputs"}`,
  );
}

function reportCycle(
  cycle: readonly number[],
  operators: readonly WiredOperator[],
  inputs: Wiring["inputs"],
  problems: Problem[],
): void {
  const [first = 0, next = first] = cycle;
  const reference = inputs[first]?.findIndex((one) => one?.position === next) ?? 0;
  const names = cycle.map((one) => operators[one]?.uid ?? "?");
  problems.push({
    path: present(operators[first]?.references[reference], "the reference of a cycle").path,
    found: `a cycle: ${[...names, names[0]].join(" reads ")}`,
    expected: "operators that lead back to a source",
  });
}

function refuseLooseEnds(operators: readonly WiredOperator[], inputs: Wiring["inputs"], problems: Problem[]): void {
  const unreadable = operators.some(
    (one) => one.kind === undefined || one.references.some((reference) => reference.name === undefined),
  );
  if (!unreadable && !operators.some((one) => one.kind === "source"))
    problems.push({ path: "operators", found: "no source", expected: "an operator of kind source" });
  if (!unreadable && !operators.some((one) => one.kind === "sink"))
    problems.push({ path: "operators", found: "no sink", expected: "an operator of kind sink" });
  // Whoever has a wrong input may be the one that reads it.
  if (unreadable || inputs.some((list) => list.includes(undefined))) return;
  const read = new Set(inputs.flatMap((list) => list.map((one) => (one?.output === "main" ? one.position : -1))));
  for (const [position, { kind, uid, path }] of operators.entries()) {
    if (kind === "sink" || uid === undefined || read.has(position)) continue;
    problems.push({ path, found: `nothing that reads ${show(uid)}`, expected: "an operator or a sink that does" });
  }
}
