// Savepoints as records and files: written from a checkpoint whose commits are recorded, read back to start a job.
//
// Invariants:
// - COMPLETED means that the file is durable, whole, and has nothing pending.
// - An imported file is checked to the last row before a job is made from it.

import { decodeCbor, encodeCbor } from "../base/cbor.ts";
import { asMillraceError, corruptionError, type MillraceError, userError } from "../base/errors.ts";
import { type Bytes, hexOf } from "../base/bytes.ts";
import { SAVEPOINT_PREFIX, savepointKey } from "../checkpoint/paths.ts";
import { readSavepoint, writeSavepoint } from "../checkpoint/savepoint_file.ts";
import type { Savepoint, SavepointState } from "../checkpoint/savepoint.ts";
import type { Manifest } from "../checkpoint/manifest.ts";
import { sumCounters, wholeSources, wholeState } from "../coordinator/distribution.ts";
import type { JobPlan } from "../graph/plan.ts";
import type { Platform } from "../platform/platform.ts";
import { mergeParts, stateSchemaOf } from "../task/restore.ts";

export interface SavepointRecord {
  readonly format: 1;
  readonly savepoint: string;
  readonly jobId: string;
  readonly jobName: string;
  readonly status: "IN_PROGRESS" | "COMPLETED" | "FAILED";
  readonly checkpoint: number;
  readonly byteLength: number;
  readonly createdAtMs: number;
  readonly error: { readonly code: string; readonly message: string; readonly where: string } | null;
}

export class SavepointStore {
  readonly #platform: Platform;
  readonly #memoryBudgetBytes: number;

  constructor(platform: Platform, memoryBudgetBytes: number) {
    this.#platform = platform;
    this.#memoryBudgetBytes = memoryBudgetBytes;
  }

  /** Records that a savepoint was asked for, and gives it its id. */
  async begin(jobId: string, jobName: string): Promise<SavepointRecord> {
    const savepoint = hexOf(this.#platform.entropy.bytes(16));
    const createdAtMs = this.#platform.clock.nowMs();
    const head = { format: 1, savepoint, jobId, jobName, createdAtMs, error: null } as const;
    const record: SavepointRecord = { ...head, status: "IN_PROGRESS", checkpoint: 0, byteLength: 0 };
    await this.#put(record);
    return record;
  }

  async get(savepoint: string): Promise<SavepointRecord> {
    const key = savepointKey(savepoint);
    const bytes = await this.#platform.metadata.get(key);
    if (bytes === undefined) {
      throw userError("savepoint_unknown", `savepoint ${savepoint}`, `there is no savepoint "${savepoint}"`);
    }
    return decodeSavepointRecord(bytes, key);
  }

  /** A record that cannot be read is listed as failed, and left alone: it must not hide the others. */
  async list(): Promise<readonly SavepointRecord[]> {
    const entries = await this.#platform.metadata.list(SAVEPOINT_PREFIX);
    return entries.map(({ key, value }) => {
      try {
        return decodeSavepointRecord(value, key);
      } catch (thrown) {
        return brokenRecord(key.slice(SAVEPOINT_PREFIX.length), asMillraceError(thrown, key));
      }
    });
  }

  /** What was written of its file goes: nobody could read it. */
  async fail(savepoint: string, error: MillraceError): Promise<void> {
    const { code, message, where } = error;
    const record = await this.get(savepoint);
    if (record.status === "COMPLETED") return;
    await this.#put({ ...record, status: "FAILED", error: { code, message, where } });
    await this.#platform.blobs.delete([savepointKey(savepoint)]);
  }

  /** Writes the file of a checkpoint that has nothing pending any more. */
  async export(savepoint: string, jobName: string, plan: JobPlan, manifest: Manifest): Promise<void> {
    const platform = this.#platform;
    const { jobId, branch, checkpoint, ended, tasks } = manifest;
    const states: SavepointState[] = [];
    for (const restore of wholeState(plan.maxParallelism, tasks)) {
      const { uid, state, from } = restore;
      const schema = stateSchemaOf(platform, plan, restore);
      const batches = await mergeParts(platform, plan, this.#memoryBudgetBytes, restore);
      states.push({ uid, state, schema, scalars: from.map((one) => one.scalars), batches });
    }
    const counters = sumCounters(tasks);
    const createdAtMs = platform.clock.nowMs();
    const { maxParallelism } = plan;
    const names = { savepoint, jobId, jobName, branch, checkpoint, createdAtMs };
    const header = { ...names, maxParallelism, inputEnded: ended, counters };
    const bytes = writeSavepoint({ header, sources: wholeSources(tasks), states }, platform.digest);
    await platform.blobs.put(savepointKey(savepoint), bytes);
    const record = await this.get(savepoint);
    await this.#put({ ...record, status: "COMPLETED", checkpoint, byteLength: bytes.byteLength });
  }

  /** Takes an uploaded file in under an id of its own, after reading all of it. */
  async import(bytes: Uint8Array): Promise<SavepointRecord> {
    const { header } = readSavepoint(bytes, this.#platform.digest, "uploaded savepoint");
    const record = await this.begin(header.jobId, header.jobName);
    await this.#platform.blobs.put(savepointKey(record.savepoint), bytes);
    const done = {
      ...record,
      status: "COMPLETED",
      checkpoint: header.checkpoint,
      byteLength: bytes.byteLength,
    } as const;
    await this.#put(done);
    return done;
  }

  /** The file's bytes; refuses what is not complete. */
  async bytes(savepoint: string): Promise<Bytes> {
    const record = await this.get(savepoint);
    if (record.status !== "COMPLETED") {
      const message = `savepoint ${savepoint} is ${record.status}${record.error === null ? "" : `: ${record.error.message}`}`;
      throw userError("savepoint_not_complete", `savepoint ${savepoint}`, message);
    }
    const bytes = await this.#platform.blobs.get(savepointKey(savepoint));
    if (bytes === undefined) {
      throw userError("savepoint_unknown", `savepoint ${savepoint}`, "the file of this savepoint is gone");
    }
    return bytes;
  }

  async load(savepoint: string): Promise<Savepoint> {
    return readSavepoint(await this.bytes(savepoint), this.#platform.digest, `savepoint ${savepoint}`);
  }

  /**
   * What was being written when a process ended will never be complete.
   * @param isOwn tells whether the job's savepoints are written by this process, where others share the store.
   */
  async failInterrupted(isOwn: (jobId: string) => boolean = () => true): Promise<void> {
    for (const record of await this.list()) {
      if (record.status !== "IN_PROGRESS" || !isOwn(record.jobId)) continue;
      const message = "the server stopped before the savepoint was complete; take another";
      await this.fail(record.savepoint, userError("savepoint_interrupted", `savepoint ${record.savepoint}`, message));
    }
  }

  async #put(record: SavepointRecord): Promise<void> {
    const value = encodeCbor(record);
    await this.#platform.metadata.commit([], [{ kind: "put", key: savepointKey(record.savepoint), value }]);
  }
}

function decodeSavepointRecord(bytes: Uint8Array, where: string): SavepointRecord {
  const found = decodeCbor(bytes, where) as Partial<SavepointRecord> | null;
  const { format, savepoint, status } = found ?? {};
  if (format !== 1 || typeof savepoint !== "string" || typeof status !== "string") {
    const message = "the stored savepoint record is not readable by this version of Millrace";
    throw corruptionError("savepoint_record_corrupt", where, message);
  }
  return found as SavepointRecord;
}

const brokenRecord = (savepoint: string, { code, message, where }: MillraceError): SavepointRecord => ({
  format: 1,
  savepoint,
  jobId: "",
  jobName: "",
  status: "FAILED",
  checkpoint: 0,
  byteLength: 0,
  createdAtMs: 0,
  error: { code, message, where },
});
