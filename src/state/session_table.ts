// Keyed state of one session-window operator; the host side of kernels/session, where it is explained.
//
// Invariants:
// - A row is late when it is older than its own watermark (or than what has fired, which only an idle split that comes
//   back can cause). Sessions are those of the other rows, whatever the order in which they came.
// - A session is emitted when the watermark reaches its end: last row + gap.

import { assert, present } from "../base/assert.ts";
import { corruptionError } from "../base/errors.ts";
import type { RecordBatch } from "../batch/record_batch.ts";
import { columnIndex, equalSchemas, type Schema } from "../batch/schema.ts";
import type { BatchRegion } from "../kernel/batch_region.ts";
import type { KernelInstance } from "../kernel/instance.ts";
import { WATERMARK_MIN } from "../time/window.ts";
import { DerivedWindows } from "./derived_windows.ts";
import type { WindowTableConfig } from "./window_plan.ts";
import type { LateRows, WindowState, WindowStateTable } from "./window_state.ts";
import { WindowTable } from "./window_table.ts";

export interface SessionTableConfig extends Omit<WindowTableConfig, "sizeMs" | "offsetMs"> {
  /** Rows of a key that lie closer together are of one session. */
  readonly gapMs: number;
}

interface SessionKernels {
  mr_session_create(panes: number, gap: bigint, firstAt: number, lastAt: number, batchRows: number): number;
  mr_session_add_sets(session: number, sets: number, at: number): void;
  mr_session_free(session: number): void;
  mr_session_update(session: number, batch: number, epoch: number): number;
  mr_session_fire(session: number, batch: number, capacity: number, watermark: bigint, epoch: number): number;
  mr_session_settle(session: number, fired: bigint): void;
}

export class SessionTable implements WindowState {
  readonly outputSchema: Schema;
  readonly stateTables: readonly WindowStateTable[];
  readonly #kernel: KernelInstance;
  readonly #kernels: SessionKernels;
  readonly #input: BatchRegion;
  readonly #where: string;
  readonly #gap: bigint;
  readonly #panes: WindowTable;
  readonly #session: number;
  readonly #windows: DerivedWindows;

  constructor(kernel: KernelInstance, input: BatchRegion, config: SessionTableConfig) {
    this.#kernel = kernel;
    this.#kernels = kernel.exports as unknown as SessionKernels;
    this.#input = input;
    this.#where = config.where ?? "window";
    const panes = { sizeMs: config.gapMs, offsetMs: 0, keepsTimes: true, stateName: "sessions" };
    this.#panes = new WindowTable(kernel, input, { ...config, ...panes, livesMs: config.gapMs * 2 });
    this.#gap = BigInt(config.gapMs);
    this.outputSchema = this.#panes.outputSchema;
    const { times, sets } = this.#panes.plan;
    const { firstAt, lastAt } = present(times, "the times of entries");
    const table = this.#panes.address;
    this.#session = this.#kernels.mr_session_create(table, this.#gap, firstAt, lastAt, input.capacity) >>> 0;
    if (this.#session === 0) throw kernel.outOfMemory("a table of sessions");
    this.#windows = this.#derived();
    sets.forEach(({ at }, index) => {
      const its = present(this.#panes.sets[index], "the sets of the panes");
      this.#kernels.mr_session_add_sets(this.#session, its.address, at);
    });
    this.stateTables = [new CheckedSessions(this.#panes, config, this.#where), ...this.#panes.sets];
  }

  #derived(): DerivedWindows {
    const kernels = this.#kernels;
    const session = this.#session;
    return new DerivedWindows(this.#kernel, this.#where, this.outputSchema, {
      settle: (fired) => kernels.mr_session_settle(session, fired),
      update: (epoch) => kernels.mr_session_update(session, this.#input.address, epoch),
      fire: ({ address, capacity }, watermark, epoch) =>
        kernels.mr_session_fire(session, address, capacity, watermark, epoch),
    });
  }

  update(epoch: number): LateRows {
    return this.#windows.update(epoch, (count) => this.#panes.lateRows(count));
  }

  fire(watermark: bigint, output: BatchRegion, emit: (rows: number) => void, epoch: number): number {
    return this.#windows.fire(watermark, output, emit, epoch);
  }

  get firedWatermark(): bigint {
    return this.#windows.fired;
  }
  set firedWatermark(watermark: bigint) {
    this.#windows.fired = watermark;
    const gone = watermark - this.#gap;
    this.#panes.firedWatermark = gone < WATERMARK_MIN ? WATERMARK_MIN : gone;
  }

  free(): void {
    this.#kernels.mr_session_free(this.#session);
    this.#panes.free();
  }
}

/** The table of panes; refuses restored rows whose times do not lie where the kernels rely on them to be. */
class CheckedSessions implements WindowStateTable {
  readonly #panes: WindowTable;
  readonly #gap: bigint;
  readonly #where: string;
  readonly #positions: { readonly start: number; readonly first: number; readonly last: number };

  constructor(panes: WindowTable, config: SessionTableConfig, where: string) {
    this.#panes = panes;
    this.#gap = BigInt(config.gapMs);
    this.#where = where;
    // Times are the accumulators of the time column, and accumulators stand in the order of columns.
    const times = panes.plan.states.findIndex((one) => one.at === panes.plan.times?.firstAt);
    const first = 2 + config.keys.length + times;
    this.#positions = { start: columnIndex(panes.stateSchema, "window_start"), first, last: first + 1 };
  }

  get name(): string {
    return this.#panes.name;
  }
  get stateSchema(): Schema {
    return this.#panes.stateSchema;
  }
  get livesMs(): number {
    return this.#panes.livesMs;
  }
  get stateBytes(): number {
    return this.#panes.stateBytes;
  }
  get entryCount(): number {
    return this.#panes.entryCount;
  }
  gather(afterEpoch: number): RecordBatch[] {
    return this.#panes.gather(afterEpoch);
  }
  completed(epoch: number): void {
    this.#panes.completed(epoch);
  }

  restore(batch: RecordBatch, epoch = 0): void {
    if (equalSchemas(batch.schema, this.stateSchema)) this.#checkTimes(batch);
    this.#panes.restore(batch, epoch);
  }

  #checkTimes(batch: RecordBatch): void {
    const { start, first, last } = this.#positions;
    const [starts, firsts, lasts] = [start, first, last].map((position) => {
      const column = batch.columns[position];
      assert(column?.type === "timestamp", "times are timestamps");
      return column.values;
    }) as [BigInt64Array, BigInt64Array, BigInt64Array];
    for (let row = 0; row < batch.rowCount; row++) {
      const into = (lasts[row] as bigint) - (starts[row] as bigint);
      if (into >= 0n && into < this.#gap && (firsts[row] as bigint) <= (lasts[row] as bigint)) continue;
      const message = "the last row of a session does not lie in its pane, or before its first";
      throw corruptionError("state_invalid", `${this.#where}, state row ${row}`, message);
    }
  }
}
