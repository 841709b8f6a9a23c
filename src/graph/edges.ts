// The edges of a plan: links that cross between chains. Readers in one chain that want the rows of one output parted
// alike share an edge, which then carries the columns that any of them reads.

import { present } from "../base/assert.ts";
import { asOperatorUid } from "../base/ids.ts";
import { columnIndex, type Schema } from "../batch/schema.ts";
import type { ResolvedOperator } from "../job/resolved_job.ts";
import { type Link, wantedKeys } from "./links.ts";
import type { Needs } from "./needs.ts";
import type { EdgePlan, Partition } from "./plan.ts";

/** How rows are parted among the reader's tasks, before positions are known. */
type Parting =
  | { readonly kind: "keys"; readonly names: readonly string[] }
  /** By all columns that can be hashed: equal rows go one way. */
  | { readonly kind: "rows" }
  | { readonly kind: "turns" };

interface Crossing {
  readonly id: number;
  readonly parting: Parting;
  /** The first of those that share it. */
  readonly link: Link;
  readonly columns: Set<string>;
}

export class Edges {
  readonly #operators: readonly ResolvedOperator[];
  readonly #links: readonly Link[];
  readonly #chains: readonly number[];
  readonly #byKey = new Map<string, Crossing>();
  readonly #byLink = new Map<Link, Crossing>();

  constructor(operators: readonly ResolvedOperator[], links: readonly Link[], chains: readonly number[], needs: Needs) {
    this.#operators = operators;
    this.#links = links;
    this.#chains = chains;
    for (const link of links) {
      if (chains[link.from] === chains[link.to]) continue;
      const reader = present(operators[link.to], "a reader");
      const parting = partingOf(link, reader);
      const key = JSON.stringify([link.from, link.output, chains[link.to], parting]);
      const fresh: Crossing = { id: this.#byKey.size, parting, link, columns: new Set() };
      const crossing = this.#byKey.get(key) ?? fresh;
      for (const name of needs.from(reader.spec.uid, link.input)) crossing.columns.add(name);
      this.#byKey.set(key, crossing);
      this.#byLink.set(link, crossing);
    }
  }

  /** The edge that a link goes over, given the columns of the output that it reads; undefined inside a chain. */
  over(link: Link, output: Schema): EdgePlan | undefined {
    const crossing = this.#byLink.get(link);
    if (crossing === undefined) return undefined;
    const { id, parting, columns } = crossing;
    const schema = output.filter((one) => columns.has(one.name));
    return {
      id,
      from: {
        chain: this.#chains[link.from] as number,
        uid: asOperatorUid(present(this.#operators[link.from], "an operator that is read").spec.uid),
        output: link.output,
      },
      to: { chain: this.#chains[link.to] as number },
      partition: partitionOf(parting, schema),
      schema,
      updating: link.updating,
      watermarks: this.#readersOf(crossing).some((one) => this.#decidesLateness(one)),
    };
  }

  #readersOf(crossing: Crossing): readonly Link[] {
    return this.#links.filter((one) => this.#byLink.get(one) === crossing);
  }

  /** Whether the reader or somebody behind it looks at the watermark of each row. */
  #decidesLateness({ to, input }: Link): boolean {
    const reader = present(this.#operators[to], "a reader");
    switch (reader.kind) {
      case "window":
      case "interval_join":
        return true;
      case "join":
        return reader.timeColumns !== undefined;
      case "process":
        return reader.timeColumns[input] !== undefined;
      case "filter":
      case "project":
      case "union":
        return this.#links.some((one) => one.from === to && one.output === "main" && this.#decidesLateness(one));
      default:
        return false;
    }
  }
}

function partingOf(link: Link, reader: ResolvedOperator): Parting {
  if (reader.parallelism === 1) return { kind: "turns" };
  const names = wantedKeys(reader, link.input);
  if (names !== undefined) return { kind: "keys", names };
  return { kind: link.updating ? "rows" : "turns" };
}

function partitionOf(parting: Parting, schema: Schema): Partition {
  const rebalance: Partition = { kind: "rebalance" };
  if (parting.kind === "turns") return rebalance;
  if (parting.kind === "keys") return { kind: "hash", columns: parting.names.map((name) => columnIndex(schema, name)) };
  const columns = [...schema.keys()].filter((index) => schema[index]?.type !== "f64");
  return columns.length === 0 ? rebalance : { kind: "hash", columns };
}
