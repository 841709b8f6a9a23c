// What happens to savepoints after they are complete: moved to the archive, given up by retention, deleted on request.
//
//   move     file to the archive ─▶ label says "archive", leftover says "store" ─▶ file out of the store ─▶ no leftover
//   delete   record and label gone, leftover says both places ─▶ files gone ─▶ no leftover
//
// Invariants:
// - A file is deleted only where a leftover says so, and a leftover is written in the commit after which nothing refers
//   to the file any more. So an end at any point leaves at most a leftover, which the next round takes up.
// - A file that is archived is in the archive before anything says so. What an interrupted move leaves there has the
//   same name and bytes as the next attempt's, and a deletion takes it along.

import { asMillraceError, type MillraceError } from "../base/errors.ts";
import { decodeCbor, encodeCbor } from "../base/cbor.ts";
import {
  SAVEPOINT_LEFTOVER_PREFIX,
  savepointKey,
  savepointLabelKey,
  savepointLeftoverKey,
} from "../checkpoint/paths.ts";
import { Abort } from "../platform/abort.ts";
import type { Platform } from "../platform/platform.ts";
import type { BlobStore, Guard, StoreOp } from "../platform/ports.ts";
import { beingWritten, labelled, noArchive, type SavepointLabel, type SavepointRecord } from "./savepoint_record.ts";
import { outlived } from "./savepoint_retention.ts";
import type { SavepointStore } from "./savepoint_store.ts";

export interface SavepointPolicy {
  /** Where savepoints may be moved to. */
  readonly archive?: BlobStore;
  /** How many of a job's savepoints stay that have no name; absent: all. */
  readonly retained?: number;
}

/** Files of a savepoint that was deleted may still be there for a while. */
export type SavepointDeletion = "NOT_DELETED" | "FILES_LEFT" | "GONE";

type Place = SavepointLabel["keptIn"];

/** One thing to do, of one savepoint. */
type Chore = readonly [savepoint: string, work: () => Promise<void>];

const AGAIN_MS = 10_000;
const AGAIN_MAX_MS = 600_000;

export class SavepointUpkeep {
  readonly #platform: Platform;
  readonly #savepoints: SavepointStore;
  readonly #policy: SavepointPolicy;
  readonly #closed = new Abort();
  #running: Promise<void> | undefined;
  /** Something may have changed since the round that runs began. */
  #due = false;

  constructor(platform: Platform, savepoints: SavepointStore, policy: SavepointPolicy) {
    this.#platform = platform;
    this.#savepoints = savepoints;
    this.#policy = policy;
  }

  /** There may be something to do. Resolves when nothing is left to do: what fails is tried again until it succeeds. */
  async wake(): Promise<void> {
    if (this.#closed.aborted) return;
    this.#due = true;
    this.#running ??= this.#rounds().finally(() => {
      this.#running = undefined;
    });
    await this.#running;
  }

  async close(): Promise<void> {
    this.#closed.abort(new Error("the engine is closed"));
    await this.#running;
  }

  /** Deletes it. Where its file cannot be deleted now, it is later; the savepoint is gone at once. */
  async delete(savepoint: string): Promise<void> {
    await this.#savepoints.change(savepoint, (found) => this.#gone(found));
    if (!(await this.#attempt([savepoint, () => this.#clear(savepoint)]))) void this.wake();
  }

  async deletion(savepoint: string): Promise<SavepointDeletion> {
    const { metadata } = this.#platform;
    if ((await metadata.get(savepointKey(savepoint))) !== undefined) return "NOT_DELETED";
    return (await metadata.get(savepointLeftoverKey(savepoint))) === undefined ? "GONE" : "FILES_LEFT";
  }

  async #rounds(): Promise<void> {
    let againMs = AGAIN_MS;
    while (this.#due && !this.#closed.aborted) {
      this.#due = false;
      if (await this.#round()) continue;
      this.#due = true;
      await this.#platform.timers.sleep(againMs, this.#closed).catch(() => undefined); // closed
      againMs = Math.min(2 * againMs, AGAIN_MAX_MS);
    }
  }

  async #round(): Promise<boolean> {
    let done = true;
    const listed = await this.#attempt([
      "",
      async () => {
        for await (const chore of this.#chores()) if (!(await this.#attempt(chore))) done = false;
      },
    ]);
    return listed && done;
  }

  async *#chores(): AsyncGenerator<Chore> {
    const { archive, retained } = this.#policy;
    for (const { key } of await this.#platform.metadata.list(SAVEPOINT_LEFTOVER_PREFIX)) {
      const savepoint = key.slice(SAVEPOINT_LEFTOVER_PREFIX.length);
      yield [savepoint, () => this.#clear(savepoint)];
    }
    if (archive !== undefined) {
      for (const { savepoint, status, ...label } of await this.#savepoints.list()) {
        const isDue = status === "COMPLETED" && label.archive && label.keptIn === "store";
        if (isDue) yield [savepoint, () => this.#move(savepoint, archive)];
      }
    }
    if (retained === undefined) return;
    for (const savepoint of outlived(await this.#savepoints.list(), retained)) {
      yield [savepoint, () => this.delete(savepoint)];
    }
  }

  /** @returns false where trying again may help; what it cannot help waits until something is changed. */
  async #attempt([savepoint, work]: Chore): Promise<boolean> {
    if (this.#closed.aborted) return true;
    try {
      await work();
      return true;
    } catch (thrown) {
      const { code, message, where, retry } = asMillraceError(thrown, `savepoint ${savepoint}`);
      const fields = { ...(savepoint === "" ? {} : { savepoint }), code, where };
      this.#platform.log.write("warning", `upkeep of savepoints: ${message}`, fields);
      return retry === "none";
    }
  }

  async #move(savepoint: string, archive: BlobStore): Promise<void> {
    await archive.put(savepointKey(savepoint), await this.#savepoints.bytes(savepoint));
    try {
      await this.#savepoints.change(savepoint, (found) => [
        labelled(savepoint, { ...found, keptIn: "archive" }),
        leftover(savepoint, ["store"]),
      ]);
    } catch (thrown) {
      // Deleted while the file was on its way, after the archive was looked through for it.
      if ((thrown as MillraceError).code === "savepoint_unknown") await archive.delete([savepointKey(savepoint)]);
      throw thrown;
    }
    await this.#clear(savepoint);
  }

  /**
   * What makes the savepoint gone in a commit that makes something else of it, a job that claims it; the files are for
   * the next round.
   */
  async claim(savepoint: string): Promise<{ readonly guards: readonly Guard[]; readonly ops: readonly StoreOp[] }> {
    const { found, guards } = await this.#savepoints.asFound(savepoint);
    return { guards, ops: this.#gone(found) };
  }

  #gone({ savepoint, status, keptIn }: SavepointRecord): readonly StoreOp[] {
    const { archive } = this.#policy;
    if (status === "IN_PROGRESS") throw beingWritten(savepoint);
    if (keptIn === "archive" && archive === undefined) throw noArchive(`savepoint ${savepoint}`);
    return [
      { kind: "delete", key: savepointKey(savepoint) },
      { kind: "delete", key: savepointLabelKey(savepoint) },
      leftover(savepoint, archive === undefined ? ["store"] : ["store", "archive"]),
    ];
  }

  /** Deletes what a leftover says, and then the leftover. */
  async #clear(savepoint: string): Promise<void> {
    const { metadata, blobs } = this.#platform;
    const key = savepointLeftoverKey(savepoint);
    const value = await metadata.get(key);
    if (value === undefined) return;
    const { places } = decodeCbor(value, key) as { readonly places: readonly Place[] };
    for (const place of places) {
      const held = place === "store" ? blobs : this.#policy.archive;
      if (held === undefined) throw noArchive(key);
      await held.delete([savepointKey(savepoint)]);
    }
    await metadata.commit([{ kind: "equals", key, value }], [{ kind: "delete", key }]);
  }
}

const leftover = (savepoint: string, places: readonly Place[]): StoreOp => ({
  kind: "put",
  key: savepointLeftoverKey(savepoint),
  value: encodeCbor({ places }),
});
