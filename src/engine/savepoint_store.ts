// Savepoints as records and files: written from a checkpoint whose commits are recorded, read back to start a job.
//
// Invariants:
// - COMPLETED means that the file is durable, whole, and has nothing pending.
// - A record leaves IN_PROGRESS once, by a write that demands it as it was read: it is completed or refused, never both.
// - An imported file is checked to the last row before a job is made from it.

import { asMillraceError, externalError, type MillraceError, userError } from "../base/errors.ts";
import { type Bytes, hexOf } from "../base/bytes.ts";
import { SAVEPOINT_LABEL_PREFIX, SAVEPOINT_PREFIX, savepointKey, savepointLabelKey } from "../checkpoint/paths.ts";
import { readSavepoint, savepointSteps } from "../checkpoint/savepoint_file.ts";
import type { Savepoint, SavepointState } from "../checkpoint/savepoint.ts";
import type { Manifest } from "../checkpoint/manifest.ts";
import { sumCounters, wholeSources, wholeState } from "../coordinator/distribution.ts";
import { type GuardedPut, isDone } from "../coordinator/job_store.ts";
import type { JobPlan } from "../graph/plan.ts";
import type { Platform } from "../platform/platform.ts";
import type { BlobStore, Guard, StoreOp } from "../platform/ports.ts";
import { mergeParts, stateSchemaOf } from "../task/restore.ts";
import {
  brokenSavepoint,
  decodeLabel,
  decodeSavepoint,
  encodeSavepoint,
  labelled,
  noArchive,
  noLabel,
  type SavepointChange,
  type SavepointKind,
  type SavepointLabel,
  type SavepointRecord,
  type SavepointRequest,
  type StoredSavepoint,
  takenSavepoint,
  unknownSavepoint,
} from "./savepoint_record.ts";

/** What a savepoint is asked of, and for what. */
export interface SavepointOf {
  readonly jobId: string;
  readonly jobName: string;
  readonly kind: SavepointKind;
}

export interface Begun {
  readonly record: SavepointRecord;
  /** Whoever is told so has to have it written. */
  readonly isNew: boolean;
}

export class SavepointStore {
  readonly #platform: Platform;
  readonly #memoryBudgetBytes: number;
  readonly #archive: BlobStore | undefined;
  /** Begun by this object: nobody has interrupted them. */
  readonly #begun = new Set<string>();
  readonly #beginning = new Map<string, Promise<Begun>>();

  /** @param archive where files may be moved to. */
  constructor(platform: Platform, memoryBudgetBytes: number, archive?: BlobStore) {
    this.#platform = platform;
    this.#memoryBudgetBytes = memoryBudgetBytes;
    this.#archive = archive;
  }

  /**
   * The record of a request that was taken before, under the id that it chose; undefined where there is none, or where
   * nobody writes it: the answer to its beginning was lost.
   */
  async asked(of: Pick<SavepointOf, "jobId" | "kind">, id: string | undefined): Promise<SavepointRecord | undefined> {
    if (id === undefined || (await this.#platform.metadata.get(savepointKey(id))) === undefined) return undefined;
    const record = sameRequest(of, await this.get(id));
    return record.status === "IN_PROGRESS" && !this.#begun.has(id) ? undefined : record;
  }

  /**
   * Records that a savepoint was asked for, and gives it its id. The same request again finds its record; `isNew` is
   * for one caller, who has it written.
   */
  async begin(of: SavepointOf, request: SavepointRequest = {}): Promise<Begun> {
    if (request.archive === true && this.#archive === undefined) throw noArchive(`job ${of.jobId}`);
    const savepoint = request.id ?? hexOf(this.#platform.entropy.bytes(16));
    const before = this.#beginning.get(savepoint);
    if (before !== undefined) return { record: sameRequest(of, (await before).record), isNew: false };
    const beginning = this.#begin(of, savepoint, request).finally(() => this.#beginning.delete(savepoint));
    this.#beginning.set(savepoint, beginning);
    return await beginning;
  }

  async #begin(of: SavepointOf, savepoint: string, request: SavepointRequest): Promise<Begun> {
    const { metadata, clock } = this.#platform;
    const key = savepointKey(savepoint);
    const { id: _id, ...said } = request;
    const label = { ...noLabel, ...said };
    const head = { format: 1, savepoint, ...of, createdAtMs: clock.nowMs(), error: null } as const;
    const record: StoredSavepoint = { ...head, status: "IN_PROGRESS", checkpoint: 0, byteLength: 0 };
    this.#begun.add(savepoint);
    try {
      const outcome = await metadata.commit(
        [{ kind: "absent", key }],
        [{ kind: "put", key, value: encodeSavepoint(record) }, labelled(savepoint, label)],
      );
      if (outcome.kind === "committed") return { record: { ...record, ...label }, isNew: true };
      // Begun before, by a call whose answer was lost.
      const found = sameRequest(of, await this.get(savepoint));
      return { record: found, isNew: found.status === "IN_PROGRESS" };
    } catch (thrown) {
      this.#begun.delete(savepoint); // nobody writes it, unless it is asked for again
      throw thrown;
    }
  }

  /** Changes what is said of it. */
  async label(savepoint: string, change: SavepointChange): Promise<SavepointRecord> {
    if (change.archive === true && this.#archive === undefined) throw noArchive(`savepoint ${savepoint}`);
    const before = await this.change(savepoint, (found) => [labelled(savepoint, { ...found, ...change })]);
    return { ...before, ...change };
  }

  /** One commit that holds what `ops` makes of the savepoint as it is then; answers with how it was before. */
  async change(savepoint: string, ops: (found: SavepointRecord) => readonly StoreOp[]): Promise<SavepointRecord> {
    for (;;) {
      const { found, guards } = await this.asFound(savepoint);
      if ((await this.#platform.metadata.commit(guards, ops(found))).kind === "committed") return found;
    }
  }

  /** The savepoint, and what holds for as long as it stays as it is. */
  async asFound(savepoint: string): Promise<{ readonly found: SavepointRecord; readonly guards: readonly Guard[] }> {
    const [key, labelKey] = [savepointKey(savepoint), savepointLabelKey(savepoint)];
    const { record, bytes } = await this.#read(savepoint);
    const label = await this.#platform.metadata.get(labelKey);
    const labelIs: Guard =
      label === undefined ? { kind: "absent", key: labelKey } : { kind: "equals", key: labelKey, value: label };
    return {
      found: { ...record, ...decodeLabel(label, labelKey) },
      guards: [{ kind: "equals", key, value: bytes }, labelIs],
    };
  }

  async get(savepoint: string): Promise<SavepointRecord> {
    return (await this.asFound(savepoint)).found;
  }

  /** A record that cannot be read is listed as failed, and left alone: it must not hide the others. */
  async list(): Promise<readonly SavepointRecord[]> {
    const entries = await this.#platform.metadata.list(SAVEPOINT_PREFIX);
    const labels = new Map(
      (await this.#platform.metadata.list(SAVEPOINT_LABEL_PREFIX)).map((one) => [one.key, one.value]),
    );
    return entries.map(({ key, value }) => {
      const savepoint = key.slice(SAVEPOINT_PREFIX.length);
      const labelKey = savepointLabelKey(savepoint);
      try {
        return { ...decodeSavepoint(value, key), ...decodeLabel(labels.get(labelKey), labelKey) };
      } catch (thrown) {
        return brokenSavepoint(savepoint, asMillraceError(thrown, key));
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
      const failed: StoredSavepoint = { ...record, status: "FAILED", error: { code, message, where } };
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
    const { record } = await this.begin({ jobId: header.jobId, jobName: header.jobName, kind: "upload" });
    const { savepoint } = record;
    await this.#platform.blobs.put(savepointKey(savepoint), bytes);
    const { checkpoint } = header;
    const done = { ...record, status: "COMPLETED", checkpoint, byteLength: bytes.byteLength } as const;
    await this.complete(savepoint, changeOf(savepoint, encodeSavepoint(record), done));
    return done;
  }

  /** The file's bytes; refuses what is not complete. */
  async bytes(savepoint: string): Promise<Bytes> {
    const record = await this.get(savepoint);
    if (record.status !== "COMPLETED") {
      const message = `savepoint ${savepoint} is ${record.status}${record.error === null ? "" : `: ${record.error.message}`}`;
      throw userError("savepoint_not_complete", `savepoint ${savepoint}`, message);
    }
    const bytes = await this.#kept(record.keptIn, savepoint).get(savepointKey(savepoint));
    if (bytes === undefined) {
      throw userError("savepoint_unknown", `savepoint ${savepoint}`, "the file of this savepoint is gone");
    }
    return bytes;
  }

  #kept(where: SavepointLabel["keptIn"], savepoint: string): BlobStore {
    const blobs = where === "store" ? this.#platform.blobs : this.#archive;
    if (blobs !== undefined) return blobs;
    throw noArchive(`savepoint ${savepoint}`);
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

  async #read(savepoint: string): Promise<{ readonly record: StoredSavepoint; readonly bytes: Bytes }> {
    const key = savepointKey(savepoint);
    const bytes = await this.#platform.metadata.get(key);
    if (bytes === undefined) throw unknownSavepoint(savepoint);
    return { record: decodeSavepoint(bytes, key), bytes };
  }
}

function sameRequest(of: Pick<SavepointOf, "jobId" | "kind">, record: SavepointRecord): SavepointRecord {
  if (record.jobId !== of.jobId || record.kind !== of.kind) throw takenSavepoint(record.savepoint);
  return record;
}

const changeOf = (savepoint: string, before: Bytes, after: StoredSavepoint): GuardedPut => ({
  guard: { kind: "equals", key: savepointKey(savepoint), value: before },
  op: { kind: "put", key: savepointKey(savepoint), value: encodeSavepoint(after) },
});

const interrupted = (savepoint: string): MillraceError =>
  userError(
    "savepoint_interrupted",
    `savepoint ${savepoint}`,
    "the server stopped before the savepoint was complete; take another",
  );

const decidedAlready = ({ savepoint, status, error }: StoredSavepoint): MillraceError => {
  const message = `the savepoint is ${status} already${error === null ? "" : `: ${error.message}`}`;
  return externalError("savepoint_decided", `savepoint ${savepoint}`, message);
};
