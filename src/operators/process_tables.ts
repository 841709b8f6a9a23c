// The tables of one process function: its state, its timers, the rows that wait. They need no function, so that parts
// of a checkpoint can be merged where none is registered.

import type { OperatorUid } from "../base/ids.ts";
import type { DataType } from "../batch/schema.ts";
import type { KeyGroupRange } from "../keygroup/key_group.ts";
import { ProcessKeys } from "../state/process_keys.ts";
import { ProcessStates, type StateDeclaration } from "../state/process_states.ts";
import { ProcessTimers } from "../state/process_timers.ts";
import { ProcessWaiting } from "../state/process_waiting.ts";

export interface ProcessTables {
  readonly keys: ProcessKeys;
  readonly states: ProcessStates;
  readonly timers: ProcessTimers;
  readonly waiting: ProcessWaiting;
}

export interface ProcessTablesConfig {
  readonly uid: OperatorUid;
  readonly keyTypes: readonly DataType[];
  readonly states: readonly StateDeclaration[];
  readonly inputCount: number;
  /** All inputs have event time. */
  readonly eventTime: boolean;
  readonly maxParallelism: number;
  readonly keyGroups: KeyGroupRange;
}

export function processTables(config: ProcessTablesConfig): ProcessTables {
  const { uid, keyTypes, states, inputCount, eventTime, maxParallelism, keyGroups } = config;
  const keys = new ProcessKeys(keyTypes, maxParallelism, keyGroups);
  return {
    keys,
    states: new ProcessStates({ uid, keys, states, eventTime }),
    timers: new ProcessTimers(uid, keys),
    waiting: new ProcessWaiting(uid, keys, inputCount),
  };
}
