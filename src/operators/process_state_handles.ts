// What `context.states` gives a process function: handles of its states, for the key of the call that is under way.

import { type MillraceError, userError } from "../base/errors.ts";
import type { ListState, MapState, ValueState } from "../job/process_types.ts";
import type { ProcessCall } from "../state/process_records.ts";
import type { ProcessStates, StateDeclaration } from "../state/process_states.ts";
import type { StateValue } from "../state/state_text.ts";

export type StateHandle = ValueState<StateValue> | ListState<StateValue> | MapState<StateValue>;

export const handlesOf = (
  declared: readonly StateDeclaration[],
  states: ProcessStates,
  call: ProcessCall,
): Readonly<Record<string, StateHandle>> =>
  Object.fromEntries(declared.map(({ name, kind }, state) => [name, handleOf(kind, states, call, state)]));

function handleOf(
  kind: StateDeclaration["kind"],
  states: ProcessStates,
  call: ProcessCall,
  state: number,
): StateHandle {
  switch (kind) {
    case "value":
      return new ValueHandle(states, call, state);
    case "list":
      return new ListHandle(states, call, state);
    case "map":
      return new MapHandle(states, call, state);
  }
}

/** Throws unless a call is under way: a function may have kept its context beyond the call, by a promise for example. */
export function checkOpen(call: ProcessCall): void {
  if (!call.open) throw contextClosed();
}

const contextClosed = (): MillraceError =>
  userError(
    "process_context_closed",
    "",
    "the context was used when no call of the function was under way; a call ends when it returns",
  );

class Handle {
  protected readonly table: ProcessStates;
  protected readonly call: ProcessCall;
  protected readonly state: number;

  constructor(table: ProcessStates, call: ProcessCall, state: number) {
    this.table = table;
    this.call = call;
    this.state = state;
  }

  clear(): void {
    checkOpen(this.call);
    this.table.clear(this.call, this.state);
  }
}

class ValueHandle extends Handle implements ValueState<StateValue> {
  get(): StateValue | undefined {
    checkOpen(this.call);
    const entry = this.table.find(this.call, this.state, "");
    return entry === undefined ? undefined : this.table.valueOf(entry);
  }
  put(value: StateValue): void {
    checkOpen(this.call);
    this.table.put(this.call, this.state, "", value);
  }
}

class ListHandle extends Handle implements ListState<StateValue> {
  get(): StateValue[] {
    checkOpen(this.call);
    return this.table.entriesOf(this.call, this.state).map((entry) => this.table.valueOf(entry));
  }
  append(value: StateValue): void {
    checkOpen(this.call);
    this.table.append(this.call, this.state, value);
  }
  set(values: readonly StateValue[]): void {
    this.clear();
    for (const value of values) this.append(value);
  }
}

class MapHandle extends Handle implements MapState<StateValue> {
  get(key: string): StateValue | undefined {
    checkOpen(this.call);
    const entry = this.table.find(this.call, this.state, checkedKey(key));
    return entry === undefined ? undefined : this.table.valueOf(entry);
  }
  has(key: string): boolean {
    checkOpen(this.call);
    return this.table.find(this.call, this.state, checkedKey(key)) !== undefined;
  }
  put(key: string, value: StateValue): void {
    checkOpen(this.call);
    this.table.put(this.call, this.state, checkedKey(key), value);
  }
  delete(key: string): void {
    checkOpen(this.call);
    const entry = this.call.key.slots[this.state]?.entries.get(checkedKey(key));
    if (entry !== undefined) this.table.remove(entry, this.call.epoch);
  }
  keys(): string[] {
    checkOpen(this.call);
    return this.table.entriesOf(this.call, this.state).map((entry) => entry.subkey);
  }
  entries(): [key: string, value: StateValue][] {
    checkOpen(this.call);
    return this.table.entriesOf(this.call, this.state).map((entry) => [entry.subkey, this.table.valueOf(entry)]);
  }
  get size(): number {
    checkOpen(this.call);
    return this.table.entriesOf(this.call, this.state).length;
  }
}

const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/** Keys of maps are stored as UTF-8, in which half a character has no bytes. */
function checkedKey(key: unknown): string {
  if (typeof key === "string" && !LONE_SURROGATE.test(key)) return key;
  const found = typeof key === "string" ? "text with half a surrogate pair" : `a ${typeof key}`;
  throw userError("state_key_invalid", "", `the key of a map state must be text, found ${found}; use String(key)`);
}
