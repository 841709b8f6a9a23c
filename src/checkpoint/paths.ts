// Where the records of a job lie in the stores. Numbers are padded so that text order is numeric order.
//
//   metadata   jobs/<job>                                   the job record
//              job/<job>/manifest/<branch>/<checkpoint>     manifests
//              job/<job>/latest                             { branch, checkpoint } to go on from
//              job/<job>/claimant                           16 random bytes of the runner that claimed last
//              savepoint/<savepoint>                        savepoint records
//              savepoint_label/<savepoint>                  what people and the upkeep say of it
//              savepoint_leftover/<savepoint>               its file is to be deleted where that says
//              import/<job>                                 state is being copied in for a job that is not recorded yet
//   counters   job/<job>/generation                         fences every effect of older incarnations
//   blobs      job/<job>/part/<branch>/<generation>-<checkpoint>-<digest>
//              savepoint/<savepoint>                        the savepoint file

import type { BranchId, CheckpointId, Generation, JobId } from "../base/ids.ts";

const PAD = 12;
const padded = (value: number): string => String(value).padStart(PAD, "0");

export const JOBS_PREFIX = "jobs/";
const JOB_PREFIX = "job/";
export const SAVEPOINT_PREFIX = "savepoint/";
export const SAVEPOINT_LABEL_PREFIX = "savepoint_label/";
export const SAVEPOINT_LEFTOVER_PREFIX = "savepoint_leftover/";
export const IMPORT_PREFIX = "import/";

export const jobKey = (job: JobId): string => `${JOBS_PREFIX}${job}`;
export const generationKey = (job: JobId): string => `${JOB_PREFIX}${job}/generation`;
export const latestKey = (job: JobId): string => `${JOB_PREFIX}${job}/latest`;
export const claimantKey = (job: JobId): string => `${JOB_PREFIX}${job}/claimant`;
export const manifestPrefix = (job: JobId): string => `${JOB_PREFIX}${job}/manifest/`;
export const manifestKey = (job: JobId, branch: BranchId, checkpoint: CheckpointId): string =>
  `${manifestPrefix(job)}${branch}/${padded(checkpoint)}`;
export const partPrefix = (job: JobId): string => `${JOB_PREFIX}${job}/part/`;
export const importKey = (job: JobId): string => `${IMPORT_PREFIX}${job}`;
export const savepointKey = (savepoint: string): string => `${SAVEPOINT_PREFIX}${savepoint}`;
export const savepointLabelKey = (savepoint: string): string => `${SAVEPOINT_LABEL_PREFIX}${savepoint}`;
export const savepointLeftoverKey = (savepoint: string): string => `${SAVEPOINT_LEFTOVER_PREFIX}${savepoint}`;

/** Content-addressed within the incarnation and checkpoint that wrote it: a name is never reused for other bytes. */
export const partName = (
  job: JobId,
  branch: BranchId,
  generation: Generation,
  checkpoint: CheckpointId,
  sha256: string,
): string => `${partPrefix(job)}${branch}/${padded(generation)}-${padded(checkpoint)}-${sha256.slice(0, 32)}`;

/** The generation that wrote a part, read back from its name; undefined for a name that is none of ours. */
export function generationOfPart(name: string): number | undefined {
  const match = /\/part\/[0-9a-f]+\/(\d+)-\d+-[0-9a-f]{32}$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}
export function checkpointOfPart(name: string): number | undefined {
  const match = /\/part\/[0-9a-f]+\/\d+-(\d+)-[0-9a-f]{32}$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}
