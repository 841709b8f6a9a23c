// Branded identifiers: a plain string or number never crosses a folder where an id is meant.

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** 32 lower-case hex digits, as Flink's job ids are. */
export type JobId = Branded<string, "JobId">;
/** Names one line of history of a job: every start except failover mints one (16 hex digits). */
export type BranchId = Branded<string, "BranchId">;
/** The name a user gives an operator; state is matched by it across upgrades. */
export type OperatorUid = Branded<string, "OperatorUid">;
/** Fixed by the data (a file, a byte range, a log), never by the parallelism. */
export type SplitId = Branded<string, "SplitId">;
/** Counts from 1 within a branch. */
export type CheckpointId = Branded<number, "CheckpointId">;
/** Monotonic per job; fences every effect of an older incarnation. */
export type Generation = Branded<number, "Generation">;
/** 0 .. maxParallelism - 1. */
export type KeyGroup = Branded<number, "KeyGroup">;
/** Stamped on each state entry at its last change; one epoch lies between two barriers. */
export type Epoch = Branded<number, "Epoch">;

export const asJobId = (text: string): JobId => text as JobId;
export const asBranchId = (text: string): BranchId => text as BranchId;
export const asOperatorUid = (text: string): OperatorUid => text as OperatorUid;
export const asSplitId = (text: string): SplitId => text as SplitId;
export const asCheckpointId = (value: number): CheckpointId => value as CheckpointId;
export const asGeneration = (value: number): Generation => value as Generation;
export const asKeyGroup = (value: number): KeyGroup => value as KeyGroup;
export const asEpoch = (value: number): Epoch => value as Epoch;
