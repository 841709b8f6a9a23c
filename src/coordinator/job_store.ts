// The stored side of one job: record, generation, manifests, garbage.
// Invariant: every change is guarded by the generation that makes it, inside the store's own transaction.

import { assert } from "../base/assert.ts";
import { decodeCbor, encodeCbor } from "../base/cbor.ts";
import { type Bytes, equalBytes } from "../base/bytes.ts";
import { corruptionError, externalError } from "../base/errors.ts";
import { asGeneration, type BranchId, type CheckpointId, type Generation, type JobId } from "../base/ids.ts";
import { decideGarbage } from "../checkpoint/garbage.ts";
import {
  decodeManifest,
  encodeManifest,
  type FinalStop,
  type Manifest,
  MANIFEST_FORMAT,
} from "../checkpoint/manifest.ts";
import {
  claimantKey,
  generationKey,
  jobKey,
  latestKey,
  manifestKey,
  manifestPrefix,
  partPrefix,
} from "../checkpoint/paths.ts";
import type { Platform } from "../platform/platform.ts";
import type { Guard, MetadataEntry, StoreOp } from "../platform/ports.ts";
import type { TaskSnapshot } from "../protocol/snapshot.ts";
import { decodeJobRecord, encodeJobRecord, type JobRecord } from "./job_record.ts";
import { isTerminal, type JobState, type JobStatus } from "./job_state.ts";
import { oldestGeneration } from "./tasks.ts";

export interface Claimed {
  readonly generation: Generation;
  readonly branch: BranchId;
  /** Undefined: nothing was ever published. */
  readonly manifest: Manifest | undefined;
}

/** What garbage collection must know of the job besides what is stored. */
export interface Collection {
  readonly generation: Generation;
  /** Of which tasks live; beyond `generation`: none does. */
  readonly oldest: number;
  readonly branch: BranchId;
  /** Checkpoints that are not committed yet, and may have to be exported. */
  readonly needed: readonly CheckpointId[];
  readonly retained: number;
  readonly keepParts: boolean;
}

/** A record that comes to be if its guard holds, and by no other write. */
export interface GuardedPut {
  readonly guard: Guard;
  readonly op: Extract<StoreOp, { kind: "put" }>;
}

/** Whether the record is as this write makes it. */
export async function isDone({ metadata }: Platform, { op }: GuardedPut): Promise<boolean> {
  const found = await metadata.get(op.key);
  return found !== undefined && equalBytes(found, op.value);
}

interface Latest {
  readonly branch: BranchId;
  readonly checkpoint: CheckpointId;
}

interface StoredManifest extends MetadataEntry {
  readonly manifest: Manifest;
}

export class JobStore {
  readonly #platform: Platform;
  #record: JobRecord;
  /** Of this object alone: tells whether a claim whose answer was lost was one of its own. */
  readonly #claimant: Bytes;
  readonly #pins = new Map<CheckpointId, number>();
  /** As of the last collection. */
  #manifests: ReadonlyMap<string, StoredManifest> = new Map();

  constructor(platform: Platform, record: JobRecord) {
    this.#platform = platform;
    this.#record = record;
    this.#claimant = platform.entropy.bytes(16);
  }

  get record(): JobRecord {
    return this.#record;
  }
  get jobId(): JobId {
    return this.#record.jobId;
  }

  /**
   * Takes the job over: whoever held an older generation can change nothing afterwards. A job whose end is recorded is
   * nobody's to take: a process that knew it only as running would bring it back to life.
   */
  async claim(state: JobState): Promise<{ kind: "claimed"; claimed: Claimed } | { kind: "fenced" }> {
    const { metadata } = this.#platform;
    const held = asGeneration(await metadata.getCounter(generationKey(this.jobId)));
    // A runner that has claimed before gives way to any newer generation; a fresh one takes over from the last.
    if (state.generation !== 0 && held !== state.generation && !(await this.#isClaimant())) return { kind: "fenced" };
    const key = jobKey(this.jobId);
    const stored = await metadata.get(key);
    if (stored === undefined) throw corruptionError("job_record_missing", key, "the record of the job is gone");
    if (isTerminal(decodeJobRecord(stored, key).status)) return { kind: "fenced" };
    const generation = asGeneration(held + 1);
    const record = this.#changed("INITIALIZING", state);
    const outcome = await metadata.commit(
      [this.fence(held), { kind: "equals", key, value: stored }],
      [
        { kind: "put_counter", key: generationKey(this.jobId), value: generation },
        { kind: "put", key: claimantKey(this.jobId), value: this.#claimant },
        { kind: "put", key, value: encodeJobRecord(record) },
      ],
    );
    // Its status changed in between, by this runner or by the one before it.
    if (outcome.kind === "refused" && outcome.guard === 1) return await this.claim(state);
    if (outcome.kind === "refused") {
      // Somebody claimed in between: an earlier call of this runner that was reported as failed, or, for a fresh
      // runner, a predecessor whose last request was still on its way. Whoever started last takes over.
      const again = state.generation === 0 || (await this.#isClaimant());
      return again ? await this.claim(state) : { kind: "fenced" };
    }
    this.#record = record;
    const manifest = await this.latestManifest();
    return { kind: "claimed", claimed: { generation, branch: manifest?.branch ?? record.branch, manifest } };
  }

  /** Somebody else has claimed the job since this runner did. */
  async isOvertaken({ generation }: JobState): Promise<boolean> {
    if (generation === 0) return false;
    const held = await this.#platform.metadata.getCounter(generationKey(this.jobId));
    return held !== generation && !(await this.#isClaimant());
  }

  async #isClaimant(): Promise<boolean> {
    const last = await this.#platform.metadata.get(claimantKey(this.jobId));
    return last !== undefined && equalBytes(last, this.#claimant);
  }

  /**
   * Makes the checkpoint exist, or finds that a newer generation has taken over: that of somebody else, or, where a
   * claim of this runner was reported as failed after it had taken effect, its own.
   */
  async publish(one: {
    readonly checkpoint: CheckpointId;
    readonly generation: Generation;
    readonly branch: BranchId;
    readonly ended: boolean;
    readonly stop: FinalStop | undefined;
    readonly tasks: readonly TaskSnapshot[];
  }): Promise<"published" | "superseded" | "fenced"> {
    const { branch, checkpoint, generation, ended, stop, tasks } = one;
    const key = manifestKey(this.jobId, branch, checkpoint);
    const takenAtMs = this.#platform.clock.nowMs();
    const head = { format: MANIFEST_FORMAT, jobId: this.jobId, branch, checkpoint, generation, takenAtMs } as const;
    const end = stop === undefined ? { ended } : { ended, stop };
    const value = encodeManifest({ ...head, parent: null, ...end, tasks });
    const outcome = await this.#platform.metadata.commit(
      [this.fence(generation), { kind: "absent", key }],
      [
        { kind: "put", key, value },
        { kind: "put", key: latestKey(this.jobId), value: encodeCbor({ branch, checkpoint } satisfies Latest) },
      ],
    );
    if (outcome.kind === "committed") return "published";
    assert(outcome.guard === 0, "under its own generation a checkpoint is published once");
    return (await this.#isClaimant()) ? "superseded" : "fenced";
  }

  async latest(): Promise<Latest | undefined> {
    const bytes = await this.#platform.metadata.get(latestKey(this.jobId));
    if (bytes === undefined) return undefined;
    return decodeCbor(bytes, latestKey(this.jobId)) as Latest;
  }

  async latestManifest(): Promise<Manifest | undefined> {
    const latest = await this.latest();
    return latest === undefined ? undefined : await this.manifest(latest.branch, latest.checkpoint);
  }

  async manifest(branch: BranchId, checkpoint: CheckpointId): Promise<Manifest> {
    const key = manifestKey(this.jobId, branch, checkpoint);
    const bytes = await this.#platform.metadata.get(key);
    if (bytes === undefined)
      throw corruptionError("manifest_missing", key, "the manifest of a recorded checkpoint is gone");
    return decodeManifest(bytes, key);
  }

  /**
   * @param also comes to be in the same transaction.
   * @returns whether it is recorded, by this call or by an earlier one whose answer was lost; it is not where a newer
   * generation has taken over, nor where `also` must not be any more.
   */
  async recordStatus(state: JobState, also?: GuardedPut): Promise<boolean> {
    const record = this.#changed(state.status, state);
    const op = { kind: "put", key: jobKey(this.jobId), value: encodeJobRecord(record) } as const;
    const [guards, ops] = also === undefined ? [[], []] : [[also.guard], [also.op]];
    const outcome = await this.#platform.metadata.commit([this.fence(state.generation), ...guards], [op, ...ops]);
    const recorded = outcome.kind === "committed" || (also !== undefined && (await isDone(this.#platform, also)));
    if (recorded) this.#record = record;
    return recorded;
  }

  /** Keeps a checkpoint's manifest and parts from being collected until the returned function is called. */
  pin(checkpoint: CheckpointId): () => void {
    this.#pins.set(checkpoint, (this.#pins.get(checkpoint) ?? 0) + 1);
    return () => {
      const left = (this.#pins.get(checkpoint) ?? 1) - 1;
      if (left === 0) this.#pins.delete(checkpoint);
      else this.#pins.set(checkpoint, left);
    };
  }

  async collectGarbage(of: Collection): Promise<void> {
    const { metadata, blobs } = this.#platform;
    // The order matters: each read sees at least what the one before it was decided by. Parts first, so that none
    // that is written meanwhile is taken for garbage; then the newest checkpoint; then every manifest, it included.
    const partNames = await blobs.list(partPrefix(this.jobId));
    const latest = await this.latest();
    if (latest === undefined) return;
    const entries = await metadata.list(manifestPrefix(this.jobId));
    const pinned = [...this.#pins.keys(), ...of.needed].map((one) => manifestKey(this.jobId, of.branch, one));
    const decision = decideGarbage({
      manifests: this.#decoded(entries),
      partNames,
      generation: of.generation,
      oldest: of.oldest,
      latest: { key: manifestKey(this.jobId, latest.branch, latest.checkpoint), checkpoint: latest.checkpoint },
      pinned,
      retained: of.retained,
      keepParts: of.keepParts,
    });
    for (const key of decision.manifestKeys) {
      const outcome = await metadata.commit([this.fence(of.generation)], [{ kind: "delete", key }]);
      if (outcome.kind === "refused") return;
    }
    // The guard of the last deletion, or of this no-change commit, shows that the generation is still current.
    const current = await metadata.commit([this.fence(of.generation)], []);
    if (current.kind === "committed" && decision.partNames.length > 0) await blobs.delete(decision.partNames);
  }

  /** Most manifests were there at the last collection too. */
  #decoded(entries: readonly MetadataEntry[]): readonly StoredManifest[] {
    const found = new Map<string, StoredManifest>();
    for (const { key, value } of entries) {
      const known = this.#manifests.get(key);
      const same = known !== undefined && equalBytes(known.value, value);
      found.set(key, same ? known : { key, value, manifest: decodeManifest(value, key) });
    }
    this.#manifests = found;
    return [...found.values()];
  }

  /** Holds for as long as nobody has claimed the job after this generation. */
  fence(generation: Generation): Guard {
    return { kind: "counter_is", key: generationKey(this.jobId), value: generation };
  }

  #changed(status: JobStatus, state: JobState): JobRecord {
    const error = state.error === undefined ? null : { ...state.error.toJSON() };
    const { branch, restartsTotal } = state;
    return { ...this.#record, status, branch, restartsTotal, error, changedAtMs: this.#platform.clock.nowMs() };
  }
}

/**
 * What stays of a job. While it lives: the newest checkpoints that its spec asks for, whatever may still be exported,
 * and whatever its tasks may be writing. Once it has failed or was canceled: its last checkpoint, whole, so that it can
 * be looked into. Once it has finished: its last manifest, for the counters, without the parts, which nobody can read.
 */
export function collectionOf(state: JobState): Collection {
  const { generation, branch, uncommitted, config, status } = state;
  const over = isTerminal(status);
  return {
    generation,
    oldest: over ? generation + 1 : oldestGeneration(state),
    branch,
    needed: uncommitted.map((one) => one.checkpoint),
    retained: over ? 1 : config.checkpoint.retained,
    keepParts: status !== "FINISHED",
  };
}

/** The same for a job that ended before this process began; of a living job, or of one that is gone on, nothing. */
export async function collectEndedJob(platform: Platform, record: JobRecord): Promise<void> {
  if (!isTerminal(record.status) || record.status === "SUSPENDED") return;
  const store = new JobStore(platform, record);
  const generation = asGeneration(await platform.metadata.getCounter(generationKey(record.jobId)));
  const common = { generation, oldest: generation + 1, branch: record.branch, needed: [], retained: 1 };
  await store.collectGarbage({ ...common, keepParts: record.status !== "FINISHED" });
}

/** Records a new job, with what else must exist together with it; its id must not exist. */
export async function createJob(
  platform: Platform,
  record: JobRecord,
  more: { readonly guards: readonly Guard[]; readonly ops: readonly StoreOp[] } = { guards: [], ops: [] },
): Promise<void> {
  const key = jobKey(record.jobId);
  const put = { kind: "put", key, value: encodeJobRecord(record) } as const;
  const outcome = await platform.metadata.commit([{ kind: "absent", key }, ...more.guards], [put, ...more.ops]);
  if (outcome.kind === "refused" && outcome.guard > 0) {
    const message = "the savepoint, or the state that was copied from it, has been given up meanwhile; submit it again";
    throw externalError("import_given_up", `job ${record.jobId}`, message);
  }
  assert(outcome.kind === "committed", "a fresh random job id is unused");
}
