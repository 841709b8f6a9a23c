// A job without operators, and a checkpoint of it: for cases about what is stored of jobs, not about what jobs do.

import { asCheckpointId, asGeneration } from "../../src/base/ids.ts";
import { MANIFEST_FORMAT } from "../../src/checkpoint/manifest.ts";
import type { JobPlan } from "../../src/graph/plan.ts";
import { zeroCounters } from "../../src/protocol/snapshot.ts";

export const noPlan = { name: "n", maxParallelism: 8, nodes: [], chains: [], edges: [] } satisfies JobPlan;

/** All of a manifest but whose it is. */
export const emptyManifest = {
  format: MANIFEST_FORMAT,
  checkpoint: asCheckpointId(3),
  generation: asGeneration(1),
  takenAtMs: 77,
  parent: null,
  ended: false,
  tasks: [{ chain: 0, subtask: 0, states: [], sources: [], pending: [], inputEnded: false, counters: zeroCounters }],
} as const;
