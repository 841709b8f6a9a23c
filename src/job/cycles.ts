// Order and cycles among operators, which are known by their positions: `reads[p]` are those that p reads from.

type Reads = readonly (readonly (number | undefined)[])[];

/** Positions, each after those that it reads from; what is in a cycle or behind one is missing. */
export function readingOrder(reads: Reads): readonly number[] {
  const order: number[] = [];
  const done = new Set<number>();
  for (let grown = true; grown; ) {
    grown = false;
    for (const [position, inputs] of reads.entries()) {
      if (done.has(position) || inputs.some((one) => one !== undefined && !done.has(one))) continue;
      done.add(position);
      order.push(position);
      grown = true;
    }
  }
  return order;
}

/** One shortest cycle for each position in one, in the direction of reading; none shares a position with another. */
export function cyclesOf(reads: Reads, order: readonly number[]): readonly (readonly number[])[] {
  const cycles: (readonly number[])[] = [];
  const free = new Set(reads.keys());
  for (const one of order) free.delete(one);
  for (const start of reads.keys()) {
    const cycle = free.has(start) ? shortestCycle(start, reads, free) : undefined;
    if (cycle === undefined) continue;
    cycles.push(cycle);
    for (const one of cycle) free.delete(one);
  }
  return cycles;
}

function shortestCycle(start: number, reads: Reads, free: ReadonlySet<number>): readonly number[] | undefined {
  const readers = new Map<number, number>();
  let level = [start];
  while (level.length > 0) {
    const next: number[] = [];
    for (const reader of level) {
      for (const one of reads[reader] ?? []) {
        if (one === start) return trailTo(reader, start, readers);
        if (one === undefined || !free.has(one) || readers.has(one)) continue;
        readers.set(one, reader);
        next.push(one);
      }
    }
    level = next;
  }
  return undefined;
}

function trailTo(last: number, start: number, readers: ReadonlyMap<number, number>): readonly number[] {
  const trail = [last];
  for (let at = last; at !== start; ) {
    at = readers.get(at) ?? start;
    trail.unshift(at);
  }
  return trail;
}
