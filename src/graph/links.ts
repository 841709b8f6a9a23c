// Links: who reads which output of whom, and where rows must cross between tasks on the way.
//
//   must cut   another parallelism, or rows needed by key: a keyed operator, a table that takes rows back
//   may fuse   everything else; `chains.ts` leaves some of these cut where fusing would make a cycle

import { present } from "../base/assert.ts";
import type { ResolvedOperator, ResolvedSink } from "../job/resolved_job.ts";

export interface Link {
  /** Positions in the list of operators. */
  readonly from: number;
  readonly to: number;
  /** Which of the reader's inputs this is. */
  readonly input: number;
  readonly output: string;
  readonly updating: boolean;
}

/** By reader, then by input. */
export function linksOf(operators: readonly ResolvedOperator[]): readonly Link[] {
  const positions = new Map(operators.map((one, position) => [one.spec.uid, position]));
  return operators.flatMap((one, to) =>
    one.inputs.map(({ uid, output, updating }, input) => ({
      from: present(positions.get(uid), "the position of an operator that is read"),
      to,
      input,
      output,
      updating,
    })),
  );
}

/** The columns by which the reader wants the rows of one input together, or undefined. */
export function wantedKeys(reader: ResolvedOperator, input: number): readonly string[] | undefined {
  switch (reader.kind) {
    case "window":
    case "aggregate":
    case "top_n":
      return reader.spec.keyBy;
    case "interval_join":
    case "join":
      return reader.spec.on.map((pair) => (input === 0 ? pair.left : pair.right));
    case "process":
      return reader.spec.keyBy[input];
    case "sink":
      return upsertKey(reader);
    default:
      return undefined;
  }
}

const upsertKey = ({ spec }: ResolvedSink): readonly string[] | undefined =>
  spec.connector.kind === "table" && spec.connector.mode === "upsert" ? spec.connector.primaryKey : undefined;

/**
 * @param placed the columns of the output by which rows already are together; see `placementOf`.
 */
export function mustCut(
  link: Link,
  operators: readonly ResolvedOperator[],
  placed: readonly string[] | undefined,
): boolean {
  const from = present(operators[link.from], "the operator that is read");
  const to = present(operators[link.to], "the operator that reads");
  if (from.parallelism !== to.parallelism) return true;
  if (to.parallelism === 1) return false;
  const keys = wantedKeys(to, link.input);
  if (keys === undefined) return false;
  // Rows of one primary key come in no order from several tasks anyhow, as long as none takes another back.
  if (to.kind === "sink") return link.updating && !(placed?.every((name) => keys.includes(name)) ?? false);
  return true;
}

/**
 * The columns of the main output such that rows which are equal in them are in the same task; undefined where nothing
 * is known. A filter or a projection keeps the placement of an input that is fused to it.
 */
export function placementOf(
  one: ResolvedOperator,
  fused: readonly string[] | undefined,
): readonly string[] | undefined {
  switch (one.kind) {
    case "window":
    case "aggregate":
    case "top_n":
      return one.spec.keyBy;
    case "interval_join":
    case "join":
      return renamed(
        one.spec.on,
        (pair) => one.columns.find((it) => it.column === (it.input === 0 ? pair.left : pair.right))?.name,
      );
    case "filter":
      return fused;
    case "project":
      return (
        fused &&
        renamed(fused, (name) => {
          const kept = one.columns.findIndex((it) => it.kind === "column" && it.name === name);
          return one.output[kept]?.name;
        })
      );
    default:
      return undefined;
  }
}

function renamed<Item>(
  items: readonly Item[],
  nameOf: (item: Item) => string | undefined,
): readonly string[] | undefined {
  const names = items.flatMap((one) => nameOf(one) ?? []);
  return names.length === items.length ? names : undefined;
}
