// Savepoints as records and files: written from a checkpoint whose commits are recorded, read back to start a job.
//
// Invariants:
// - COMPLETED means that the file is durable, whole, and has nothing pending.
// - An imported file is checked to the last row before a job is made from it.

import { decodeCbor, encodeCbor } from "../base/cbor.ts";
import { type MillraceError, userError } from "../base/errors.ts";
import { type Bytes, hexOf } from "../base/bytes.ts";
import { SAVEPOINT_PREFIX, savepointKey } from "../checkpoint/paths.ts";
import { readSavepoint, writeSavepoint } from "../checkpoint/savepoint_file.ts";
import type { Savepoint, SavepointOperator } from "../checkpoint/savepoint.ts";
import type { Manifest } from "../checkpoint/manifest.ts";
import type { JobPlan, ChainPlan } from "../graph/plan.ts";
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
    return decodeCbor(bytes, key) as SavepointRecord;
  }

  async list(): Promise<readonly SavepointRecord[]> {
    const entries = await this.#platform.metadata.list(SAVEPOINT_PREFIX);
    return entries.map(({ key, value }) => decodeCbor(value, key) as SavepointRecord);
  }

  async fail(savepoint: string, error: MillraceError): Promise<void> {
    const { code, message, where } = error;
    await this.#put({ ...(await this.get(savepoint)), status: "FAILED", error: { code, message, where } });
  }

  /** Writes the file of a checkpoint that has nothing pending any more. */
  async export(savepoint: string, jobName: string, plan: JobPlan, manifest: Manifest): Promise<void> {
    const platform = this.#platform;
    const chain = plan.chains[0] as ChainPlan;
    const operators: SavepointOperator[] = [];
    for (const snapshot of manifest.snapshot.operators) {
      const { uid, scalars } = snapshot;
      const schema = stateSchemaOf(platform, chain, plan.maxParallelism, uid);
      const batches = await mergeParts(platform, chain, plan.maxParallelism, this.#memoryBudgetBytes, snapshot);
      operators.push({ uid, schema, scalars, batches });
    }
    const { jobId, branch, checkpoint, snapshot } = manifest;
    const { inputEnded, counters, sources } = snapshot;
    const createdAtMs = platform.clock.nowMs();
    const { maxParallelism } = plan;
    const names = { savepoint, jobId, jobName, branch, checkpoint, createdAtMs };
    const header = { ...names, maxParallelism, inputEnded, counters };
    const bytes = writeSavepoint({ header, sources, operators }, platform.digest);
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

  /** What was being written when the process ended will never be complete. */
  async failInterrupted(): Promise<void> {
    for (const record of await this.list()) {
      if (record.status !== "IN_PROGRESS") continue;
      const message = "the server stopped before the savepoint was complete; take another";
      await this.fail(record.savepoint, userError("savepoint_interrupted", `savepoint ${record.savepoint}`, message));
    }
  }

  async #put(record: SavepointRecord): Promise<void> {
    const value = encodeCbor(record);
    await this.#platform.metadata.commit([], [{ kind: "put", key: savepointKey(record.savepoint), value }]);
  }
}
