// Savepoints in the JSON of the REST interface.

import type { SavepointContents } from "../checkpoint/savepoint_contents.ts";
import type { SavepointRecord } from "./gateway.ts";

export const savepointJson = (record: SavepointRecord) => ({
  savepoint: record.savepoint,
  kind: record.kind,
  name: record.name,
  notes: record.notes,
  jobid: record.jobId,
  "job-name": record.jobName,
  status: record.status,
  checkpoint: record.checkpoint,
  bytes: record.byteLength,
  "created-at": record.createdAtMs,
  archive: record.archive,
  "kept-in": record.keptIn,
  error: record.error,
});

export const contentsJson = (one: SavepointContents) => ({
  jobid: one.jobId,
  "job-name": one.jobName,
  branch: one.branch,
  checkpoint: one.checkpoint,
  "created-at": one.createdAtMs,
  "max-parallelism": one.maxParallelism,
  "input-ended": one.inputEnded,
  counters: one.counters,
  sources: one.sources.map(({ uid, splits }) => ({
    uid,
    splits: splits.map(({ timestampMax, ...split }) => ({ ...split, "timestamp-max": timestampMax })),
  })),
  states: one.states.map(({ byteLength, keyGroups, rowsMax, ...state }) => ({
    ...state,
    bytes: byteLength,
    "key-groups": keyGroups,
    "rows-max": rowsMax,
  })),
});
