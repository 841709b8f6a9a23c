// Watches from outside what a job has committed: asks the database, many times a second, for the job's generation, its
// newest checkpoint and the newest checkpoint whose output is in the table.
//
// Output is new after a blow when it belongs to a checkpoint that came after the newest one of the time when the job's
// generation was raised: what the generation before had published, and was only committed late, does not count.

import { performance } from "node:perf_hooks";
import { decodeCbor } from "../../../src/base/cbor.ts";
import { asJobId } from "../../../src/base/ids.ts";
import { generationKey, latestKey } from "../../../src/checkpoint/paths.ts";
import type { SqlDatabase } from "../../../src/platform/ports.ts";
import { EVENTS } from "./job.ts";

const EVERY_MS = 40;

interface Seen {
  readonly generation: number;
  /** The newest manifest. */
  readonly published: number;
  /** The newest that the sink has committed. */
  readonly committed: number;
}

export class OutputWatch {
  readonly #database: SqlDatabase;
  readonly #jobId: string;
  #seen: Seen = { generation: 0, published: 0, committed: 0 };
  #stopped = false;
  #wentBack = 0;
  readonly #waiting = new Set<(seen: Seen) => void>();

  constructor(database: SqlDatabase, jobId: string) {
    this.#database = database;
    this.#jobId = jobId;
    void this.#run();
  }

  get generation(): number {
    return this.#seen.generation;
  }
  get checkpoint(): number {
    return this.#seen.committed;
  }

  /** How often a number was lower than before: something stale was written. */
  get wentBack(): number {
    return this.#wentBack;
  }

  stop(): void {
    this.#stopped = true;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const seen = await this.#ask().catch(() => undefined); // the tables are not there at first
      if (seen !== undefined) {
        const { generation, published, committed } = this.#seen;
        if (seen.generation < generation || seen.published < published || seen.committed < committed) this.#wentBack++;
        this.#seen = seen;
        for (const take of [...this.#waiting]) take(seen);
      }
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }

  async #ask(): Promise<Seen> {
    const job = asJobId(this.#jobId);
    const sql =
      "SELECT (SELECT value FROM millrace_counter WHERE key = ?), (SELECT value FROM millrace_value WHERE key = ?)," +
      " (SELECT max(checkpoint) FROM millrace_ledger WHERE sink = ?)";
    const [row] = await this.#database.query({ sql, args: [generationKey(job), latestKey(job), EVENTS] });
    const latest = row?.[1];
    const published =
      latest instanceof Uint8Array ? (decodeCbor(latest, "latest") as { checkpoint: number }).checkpoint : 0;
    return { generation: Number(row?.[0] ?? 0), published, committed: Number(row?.[2] ?? 0) };
  }

  /** When the job was claimed anew after `generation`, and when it has committed output that is new since then. */
  newOutput(
    generation: number,
    limitMs: number,
  ): Promise<{ readonly claimedMs: number; readonly committedMs: number }> {
    let claimedMs: number | undefined;
    let restored = 0;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.#waiting.delete(take);
        reject(new Error(`no new output within ${limitMs} ms after generation ${generation}`));
      }, limitMs);
      const take = (seen: Seen): void => {
        if (seen.generation <= generation) return;
        if (claimedMs === undefined) {
          claimedMs = performance.now();
          restored = seen.published;
        }
        if (seen.committed <= restored) return;
        clearTimeout(late);
        this.#waiting.delete(take);
        resolve({ claimedMs, committedMs: performance.now() });
      };
      this.#waiting.add(take);
    });
  }
}
