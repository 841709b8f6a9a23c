// What a source is to the task. A connector enumerates splits, which are fixed by the data and never by the
// parallelism, and reads each split from a position that goes into every checkpoint.
//
// Invariant: reading a split from a position yields exactly the rows that followed it the first time.

import type { SplitId } from "../base/ids.ts";
import type { PlainData } from "../base/plain.ts";
import type { Schema } from "../batch/schema.ts";
import type { BatchRegion } from "../kernel/batch_region.ts";
import type { KernelInstance } from "../kernel/instance.ts";

export type { PlainData };

export interface SourceSplit {
  readonly id: SplitId;
  /** What `open` needs to find the data again (a path, a byte range, a log name). */
  readonly detail: PlainData;
}

export interface RejectedRow {
  /** Human-readable place: file and byte offset, log and sequence. */
  readonly position: string;
  readonly reason: string;
  /** The raw row, cut to at most 1 KiB, invalid UTF-8 replaced. */
  readonly raw: string;
}

export type ReadOutcome =
  /** `target.rowCount` rows (possibly 0) are in the region; more may follow at once. */
  | { readonly kind: "rows"; readonly rejected: readonly RejectedRow[] }
  /** Nothing now; ask again after `retryAfterMs` at the latest. */
  | { readonly kind: "idle"; readonly retryAfterMs: number }
  /** The split has ended and will never yield another row. */
  | { readonly kind: "end" };

export interface SplitReader {
  /**
   * Fills `target` with up to `rowsMax` rows. Text views stay valid until the next call. A promise only where something
   * has to be waited for: what is at hand goes through the chain in the same turn.
   */
  read(rowsMax: number): ReadOutcome | Promise<ReadOutcome>;
  /** The position after the last row that `read` handed out. */
  position(): PlainData;
  /** Share of the split that has been read, 0..1, where that can be known (for progress bars). */
  progress(): number | undefined;
  close(): Promise<void>;
}

export interface ReadTarget {
  readonly kernel: KernelInstance;
  readonly schema: Schema;
  /** The region that `read` fills. */
  readonly region: BatchRegion;
}

export interface SourceConnector {
  readonly schema: Schema;
  /** A bounded source ends: the job finishes when all of its splits have. */
  readonly bounded: boolean;
  enumerate(): Promise<readonly SourceSplit[]>;
  open(split: SourceSplit, position: PlainData | undefined, target: ReadTarget): Promise<SplitReader>;
}
