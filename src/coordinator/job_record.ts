// The stored record of a job: what must be known to list it, and to start it again after everything is gone.

import { decodeCbor, encodeCbor } from "../base/cbor.ts";
import { asMillraceError, corruptionError, type MillraceError } from "../base/errors.ts";
import type { Bytes } from "../base/bytes.ts";
import { asBranchId, asJobId, type BranchId, type JobId } from "../base/ids.ts";
import type { PlainData } from "../base/plain.ts";
import { jobKey, JOBS_PREFIX } from "../checkpoint/paths.ts";
import type { MetadataStore } from "../platform/ports.ts";
import type { JobStatus } from "./job_state.ts";

export interface StoredError {
  readonly code: string;
  readonly message: string;
  readonly where: string;
}

export interface JobRecord {
  readonly format: 1;
  readonly jobId: JobId;
  readonly name: string;
  /** The validated spec as it was posted. */
  readonly spec: PlainData;
  readonly status: JobStatus;
  readonly branch: BranchId;
  readonly createdAtMs: number;
  readonly changedAtMs: number;
  readonly restartsTotal: number;
  readonly error: StoredError | null;
  /** The savepoint that the job was started from, or null. */
  readonly startedFrom: string | null;
}

export const encodeJobRecord = (record: JobRecord): Bytes => encodeCbor(record);

export function decodeJobRecord(bytes: Uint8Array, where: string): JobRecord {
  const found = decodeCbor(bytes, where) as Partial<JobRecord> | null;
  if (found === null || found.format !== 1 || !isWhole(found)) {
    throw corruptionError(
      "job_record_corrupt",
      where,
      "the stored job record is not readable by this version of Millrace",
    );
  }
  return found as JobRecord;
}

function isWhole({ jobId, name, spec, status, branch, error, ...rest }: Partial<JobRecord>): boolean {
  const texts = [jobId, name, status, branch];
  const numbers = [rest.createdAtMs, rest.changedAtMs, rest.restartsTotal];
  return (
    texts.every((one) => typeof one === "string") &&
    numbers.every((one) => typeof one === "number") &&
    typeof spec === "object" &&
    spec !== null &&
    (error === null || typeof error?.message === "string")
  );
}

/** A record that this version of Millrace cannot read: it is listed and left alone, and keeps no other job waiting. */
export interface BrokenJob {
  readonly jobId: string;
  readonly error: MillraceError;
}

const misplaced = (key: string, jobId: string): MillraceError =>
  corruptionError("job_record_corrupt", key, `the stored record is that of another job, ${jobId}`);

/** How such a job is shown: nothing is known of it but its id and what is wrong with its record. */
export const brokenRecord = ({ jobId, error }: BrokenJob): JobRecord => ({
  format: 1,
  jobId: asJobId(jobId),
  name: "",
  spec: {},
  status: "FAILED",
  branch: asBranchId(""),
  createdAtMs: 0,
  changedAtMs: 0,
  restartsTotal: 0,
  error: { code: error.code, message: error.message, where: error.where },
  startedFrom: null,
});

/** Every job that the store knows. */
export async function listJobRecords(
  metadata: MetadataStore,
): Promise<{ readonly records: readonly JobRecord[]; readonly broken: readonly BrokenJob[] }> {
  const records: JobRecord[] = [];
  const broken: BrokenJob[] = [];
  for (const { key, value } of await metadata.list(JOBS_PREFIX)) {
    try {
      const record = decodeJobRecord(value, key);
      if (jobKey(record.jobId) !== key) throw misplaced(key, record.jobId);
      records.push(record);
    } catch (thrown) {
      broken.push({ jobId: key.slice(JOBS_PREFIX.length), error: asMillraceError(thrown, key) });
    }
  }
  return { records, broken };
}
