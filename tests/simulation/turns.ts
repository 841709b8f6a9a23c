// How promise reactions run to their end between two events of a simulation.
//
// Every runtime runs them before its next macrotask, but a macrotask an event costs more than most events. Node, Deno and
// Bun can be told to run what is due in the midst of one, each by a name of its own; where none is known, macrotasks do.

export interface Turns {
  /** Runs `task` in a macrotask of the host. */
  readonly macrotask: (task: () => void) => void;
  /** Runs every promise reaction that is due before it returns; only to be called in a macrotask. */
  readonly drain: (() => void) | undefined;
}

export const macrotaskTurns: Turns = {
  macrotask: (task) => {
    setImmediate(task);
  },
  drain: undefined,
};

interface Runtimes {
  readonly Bun?: unknown;
  readonly Deno?: Readonly<Record<symbol, { readonly core?: { readonly runMicrotasks?: () => void } }>> & {
    readonly internal?: symbol;
  };
  readonly process?: { readonly _tickCallback?: () => void };
}

/** Of the runtime at hand. */
export async function hostTurns(): Promise<Turns> {
  return { ...macrotaskTurns, drain: await drainOf(globalThis as unknown as Runtimes) };
}

async function drainOf({ Bun, Deno, process }: Runtimes): Promise<Turns["drain"]> {
  if (Bun !== undefined) {
    // Only Bun resolves the name.
    const name = "bun:jsc";
    return ((await import(name)) as { readonly drainMicrotasks: () => void }).drainMicrotasks;
  }
  if (Deno !== undefined) return Deno.internal === undefined ? undefined : Deno[Deno.internal]?.core?.runMicrotasks;
  return process?._tickCallback;
}
