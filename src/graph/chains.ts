// Which operators run fused. Each begins as a chain of its own; a link that may fuse joins its two chains unless that
// would make a cycle of chains, as here, where K needs its rows by key and A feeds U both ways:
//
//   A ──hash──> K ──> U      {A} ──hash──> {K, U}
//   └───────────────> ┘        └─rebalance──> ┘
//
// Invariant: at every step the chains form no cycle, and no link inside a chain is one that must be cut. With
// parallelism 1 everywhere, whatever is connected becomes one chain.

import { assert } from "../base/assert.ts";
import type { ResolvedOperator } from "../job/resolved_job.ts";
import { readingOrder } from "../job/cycles.ts";
import { type Link, mustCut, placementOf } from "./links.ts";

/** By position of the operator: the chain that it belongs to, numbered so that each comes after those that it reads. */
export function chainsOf(operators: readonly ResolvedOperator[], links: readonly Link[]): readonly number[] {
  const chains = [...operators.keys()];
  const cut = new Set<Link>();
  const placements: (readonly string[] | undefined)[] = [];
  for (const [position, one] of operators.entries()) {
    const inputs = links.filter((link) => link.to === position);
    for (const link of inputs) {
      const placed = link.output === "main" ? placements[link.from] : undefined;
      if (mustCut(link, operators, placed)) cut.add(link);
    }
    for (const link of inputs) if (!cut.has(link)) fuse(link, chains, links, cut);
    const [first] = inputs;
    const kept = first !== undefined && chains[first.from] === chains[position] && first.output === "main";
    placements[position] = placementOf(one, kept ? placements[first.from] : undefined);
  }
  return numbered(chains, links);
}

function fuse(link: Link, chains: number[], links: readonly Link[], cut: ReadonlySet<Link>): void {
  const from = chains[link.from] as number;
  const to = chains[link.to] as number;
  if (from === to || leadsRound(from, to, chains, links, cut)) return;
  for (const [position, chain] of chains.entries()) if (chain === to) chains[position] = from;
}

/** Whether there is another way from one chain to the other than by links that may fuse. */
function leadsRound(
  from: number,
  to: number,
  chains: readonly number[],
  links: readonly Link[],
  cut: ReadonlySet<Link>,
): boolean {
  const seen = new Set([from]);
  const open = [from];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    for (const link of links) {
      if (chains[link.from] !== at) continue;
      const next = chains[link.to] as number;
      if (next === to && (at !== from || cut.has(link))) return true;
      if (next === to || seen.has(next)) continue;
      seen.add(next);
      open.push(next);
    }
  }
  return false;
}

function numbered(chains: readonly number[], links: readonly Link[]): readonly number[] {
  const names = [...new Set(chains)];
  const reads = names.map((name) => [
    ...new Set(
      links
        .filter((link) => chains[link.to] === name && chains[link.from] !== name)
        .map((link) => names.indexOf(chains[link.from] as number)),
    ),
  ]);
  const order = readingOrder(reads).map((index) => names[index]);
  assert(order.length === names.length, "chains form no cycle");
  return chains.map((name) => order.indexOf(name));
}

/** By chain: the least number of a chain that it is connected with, in whatever direction, as positions of such. */
export function regionsOf(count: number, connected: readonly (readonly [number, number])[]): readonly number[] {
  const least = Array.from({ length: count }, (_, chain) => chain);
  for (let changed = true; changed; ) {
    changed = false;
    for (const [one, other] of connected) {
      const smaller = Math.min(least[one] as number, least[other] as number);
      changed ||= least[one] !== smaller || least[other] !== smaller;
      least[one] = smaller;
      least[other] = smaller;
    }
  }
  const names = [...new Set(least)];
  return least.map((one) => names.indexOf(one));
}
