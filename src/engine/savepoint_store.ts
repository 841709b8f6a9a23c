// Savepoints as records and files: written from a checkpoint whose commits are recorded, read back to start a job.
//
// Invariants:
// - COMPLETED means that the file is durable, whole, and has nothing pending.
// - A record leaves IN_PROGRESS once, by a write that demands it as it was read: it is completed or refused, never both.
// - An imported file is checked to the last row before a job is made from it.

import { decodeCbor, encodeCbor } from "../base/cbor.ts";
import { asMillraceError, corruptionError, externalError, type MillraceError, userError } from "../base/errors.ts";
import { type Bytes, hexOf } from "../base/bytes.ts";
import { SAVEPOINT_PREFIX, savepointKey } from "../checkpoint/paths.ts";
import { readSavepoint, savepointSteps } from "../checkpoint/savepoint_file.ts";
import type { Savepoint, SavepointState } from "../checkpoint/savepoint.ts";
import type { Manifest } from "../checkpoint/manifest.ts";
import { sumCounters, wholeSources, wholeState } from "../coordinator/distribution.ts";
import { type GuardedPut, isDone } from "../coordinator/job_store.ts";
import type { JobPlan } from "../graph/plan.ts";
import type { Platform } from "../platform/platform.ts";
import type { Guard } from "../platform/ports.ts";
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
  /** Begun by this object: nobody has interrupted them. */
  readonly #begun = new Set<string>();

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
    this.#begun.add(savepoint);
    const op = { kind: "put", key: savepointKey(savepoint), value: encodeCbor(record) } as const;
    await this.#platform.metadata.commit([], [op]);
    return record;
  }

  async get(savepoint: string): Promise<SavepointRecord> {
    return (await this.#read(savepoint)).record;
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

  /**
   * Refuses one that is not decided yet, for as long as `fence` holds. What was written of its file goes: nobody could
   * read it.
   */
  async fail(savepoint: string, error: MillraceError, fence: readonly Guard[] = []): Promise<void> {
    const { code, message, where } = error;
    const { metadata, blobs } = this.#platform;
    const { record, bytes } = await this.#read(savepoint);
    if (record.status === "COMPLETED") return;
    if (record.status === "IN_PROGRESS") {
      const failed: SavepointRecord = { ...record, status: "FAILED", error: { code, message, where } };
      const put = changeOf(savepoint, bytes, failed);
      const outcome = await metadata.commit([...fence, put.guard], [put.op]);
      if (outcome.kind === "refused" && outcome.guard < fence.length) return;
      // Decided in between, by this very write where its answer was lost.
      if (outcome.kind === "refused") return await this.fail(savepoint, error, fence);
    }
    await blobs.delete([savepointKey(savepoint)]);
  }

  /**
   * Writes the file of a checkpoint that has nothing pending any more; answers with what makes the savepoint complete.
   * The same checkpoint gives the same bytes, whoever writes them.
   */
  async write(savepoint: string, plan: JobPlan, manifest: Manifest): Promise<GuardedPut> {
    const platform = this.#platform;
    const { record, bytes: before } = await this.#read(savepoint);
    if (record.status !== "IN_PROGRESS") throw decidedAlready(record);
    const { jobId, branch, checkpoint, takenAtMs, ended, tasks } = manifest;
    const states: SavepointState[] = [];
    for (const restore of wholeState(plan.maxParallelism, tasks)) {
      const { uid, state, from } = restore;
      const schema = stateSchemaOf(platform, plan, restore);
      const batches = await mergeParts(platform, plan, this.#memoryBudgetBytes, restore);
      states.push({ uid, state, schema, scalars: from.map((one) => one.scalars), batches });
    }
    const counters = sumCounters(tasks);
    const { maxParallelism } = plan;
    const names = { savepoint, jobId, jobName: record.jobName, branch, checkpoint, createdAtMs: takenAtMs };
    const header = { ...names, maxParallelism, inputEnded: ended, counters };
    const bytes = await this.#written({ header, sources: wholeSources(tasks), states });
    await platform.blobs.put(savepointKey(savepoint), bytes);
    return changeOf(savepoint, before, { ...record, status: "COMPLETED", checkpoint, byteLength: bytes.byteLength });
  }

  /** Throws where the savepoint was refused before. */
  async complete(savepoint: string, complete: GuardedPut): Promise<void> {
    const outcome = await this.#platform.metadata.commit([complete.guard], [complete.op]);
    if (outcome.kind === "committed" || (await isDone(this.#platform, complete))) return;
    throw decidedAlready(await this.get(savepoint));
  }

  /** A process that leads a deployment must not stand still for it: its lease would run out. */
  async #written(savepoint: Savepoint): Promise<Bytes> {
    const steps = savepointSteps(savepoint, this.#platform.digest);
    for (;;) {
      const { done, value } = steps.next();
      if (done === true) return value;
      await this.#platform.yield.yield();
    }
  }

  /** Takes an uploaded file in under an id of its own, after reading all of it. */
  async import(bytes: Uint8Array): Promise<SavepointRecord> {
    const { header } = readSavepoint(bytes, this.#platform.digest, "uploaded savepoint");
    const record = await this.begin(header.jobId, header.jobName);
    const { savepoint } = record;
    await this.#platform.blobs.put(savepointKey(savepoint), bytes);
    const { checkpoint } = header;
    const done = { ...record, status: "COMPLETED", checkpoint, byteLength: bytes.byteLength } as const;
    await this.complete(savepoint, changeOf(savepoint, encodeCbor(record), done));
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
   * What was being written when a process ended will never be complete: refuses it, for as long as `fence` holds.
   * @param isLeft tells whether nobody runs the job that might still write its savepoints.
   * @param kept the savepoint that somebody will go on with; answers whether it is undecided.
   */
  async failInterrupted(
    isLeft: (jobId: string) => boolean,
    fence: readonly Guard[] = [],
    kept: string | undefined = undefined,
  ): Promise<boolean> {
    let isOpen = false;
    for (const { status, savepoint, jobId } of await this.list()) {
      if (status !== "IN_PROGRESS" || this.#begun.has(savepoint) || !isLeft(jobId)) continue;
      if (savepoint === kept) isOpen = true;
      else await this.fail(savepoint, interrupted(savepoint), fence);
    }
    return isOpen;
  }

  async #read(savepoint: string): Promise<{ readonly record: SavepointRecord; readonly bytes: Bytes }> {
    const key = savepointKey(savepoint);
    const bytes = await this.#platform.metadata.get(key);
    if (bytes === undefined) {
      throw userError("savepoint_unknown", `savepoint ${savepoint}`, `there is no savepoint "${savepoint}"`);
    }
    return { record: decodeSavepointRecord(bytes, key), bytes };
  }
}

const changeOf = (savepoint: string, before: Bytes, after: SavepointRecord): GuardedPut => ({
  guard: { kind: "equals", key: savepointKey(savepoint), value: before },
  op: { kind: "put", key: savepointKey(savepoint), value: encodeCbor(after) },
});

const interrupted = (savepoint: string): MillraceError =>
  userError(
    "savepoint_interrupted",
    `savepoint ${savepoint}`,
    "the server stopped before the savepoint was complete; take another",
  );

const decidedAlready = ({ savepoint, status, error }: SavepointRecord): MillraceError => {
  const message = `the savepoint is ${status} already${error === null ? "" : `: ${error.message}`}`;
  return externalError("savepoint_decided", `savepoint ${savepoint}`, message);
};

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
