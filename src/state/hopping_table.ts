// Keyed state of one hopping-window operator: panes that windows share, and what reached single windows late; the host
// side of kernels/hopping, where it is explained.
//
// Invariants:
// - A row is folded into the windows that are open for its own watermark (and have not fired, which only an idle split
//   that comes back can cause); it is late when none is.
// - State rows are those of the panes and of the late contributions; what the kernels derive from them is made anew
//   after a restore, from the same additions in the same order.

import { present } from "../base/assert.ts";
import { userError } from "../base/errors.ts";
import type { Schema } from "../batch/schema.ts";
import type { BatchRegion } from "../kernel/batch_region.ts";
import type { KernelInstance } from "../kernel/instance.ts";
import { WATERMARK_MIN } from "../time/window.ts";
import { DerivedWindows } from "./derived_windows.ts";
import { createValueTable } from "./distinct_table.ts";
import type { WindowTableConfig } from "./window_plan.ts";
import type { LateRows, WindowState, WindowStateTable } from "./window_state.ts";
import { WindowTable } from "./window_table.ts";

export interface HoppingTableConfig extends WindowTableConfig {
  /** A window begins this often; `sizeMs` is a multiple of it. */
  readonly slideMs: number;
}

/** Panes a window; more would make the bookkeeping of blocks large without anyone's gain. */
const PANES_MAX = 10_000;
const OUT_BYTES = 262_144;
const OUT_ROWS_MAX = 4096;
const EXTRA_BYTES = 16;
const NEVER = -(2n ** 63n);

interface HoppingKernels {
  mr_window_create(
    size: bigint,
    offset: bigint,
    timeColumn: number,
    keyKind: number,
    valueBytes: number,
    batchRows: number,
    maxParallelism: number,
    groupStart: number,
    groupCount: number,
  ): number;
  mr_window_add_state(table: number, operation: number, at: number, countAt: number, initial: bigint): void;
  mr_window_free(table: number): void;
  mr_hop_create(
    panes: number,
    late: number,
    blocks: number,
    size: bigint,
    slide: bigint,
    valueBytes: number,
    outRows: number,
  ): number;
  mr_hop_add_sets(hop: number, sets: number, lateSets: number, seen: number, at: number): void;
  mr_hop_free(hop: number): void;
  mr_hop_update(hop: number, batch: number, epoch: number): number;
  mr_hop_fire(hop: number, batch: number, capacity: number, watermark: bigint): number;
  mr_hop_settle(hop: number, fired: bigint): void;
}

export class HoppingTable implements WindowState {
  readonly outputSchema: Schema;
  readonly stateTables: readonly WindowStateTable[];
  readonly #kernel: KernelInstance;
  readonly #kernels: HoppingKernels;
  readonly #input: BatchRegion;
  readonly #config: HoppingTableConfig;
  readonly #where: string;
  readonly #panes: WindowTable;
  readonly #late: WindowTable;
  readonly #blocks: number;
  readonly #seen: readonly number[];
  readonly #hop: number;
  readonly #windows: DerivedWindows;

  constructor(kernel: KernelInstance, input: BatchRegion, config: HoppingTableConfig) {
    this.#kernel = kernel;
    this.#kernels = kernel.exports as unknown as HoppingKernels;
    this.#input = input;
    this.#config = config;
    this.#where = config.where ?? "window";
    checkSlide(this.#where, config);
    const { sizeMs, slideMs } = config;
    this.#panes = new WindowTable(kernel, input, { ...config, sizeMs: slideMs, stateName: "panes", livesMs: sizeMs });
    const ofLate = { stateName: "late", setPrefix: "late_", livesMs: slideMs };
    this.#late = new WindowTable(kernel, input, { ...config, sizeMs: slideMs, ...ofLate });
    this.outputSchema = this.#panes.outputSchema;
    this.stateTables = [...this.#panes.stateTables, ...this.#late.stateTables];
    this.#blocks = this.#createBlocks();
    const { valueBytes, sets } = this.#panes.plan;
    const outRows = Math.max(64, Math.min(OUT_ROWS_MAX, Math.floor(OUT_BYTES / valueBytes)));
    const size = BigInt(sizeMs);
    const tables = [this.#panes.address, this.#late.address, this.#blocks] as const;
    this.#hop = this.#kernels.mr_hop_create(...tables, size, BigInt(slideMs), valueBytes, outRows) >>> 0;
    if (this.#hop === 0) throw kernel.outOfMemory("a table of hopping windows");
    this.#windows = this.#derived();
    this.#seen = sets.map(({ column, at }, index) => {
      const source = present(input.schema[column], "the counted column");
      const seen = createValueTable(kernel, config, sizeMs, source, NEVER);
      const ofPanes = present(this.#panes.sets[index], "the sets of the panes").address;
      const ofLateRows = present(this.#late.sets[index], "the sets of late rows").address;
      this.#kernels.mr_hop_add_sets(this.#hop, ofPanes, ofLateRows, seen, at);
      return seen;
    });
  }

  #derived(): DerivedWindows {
    const kernels = this.#kernels;
    const hop = this.#hop;
    return new DerivedWindows(this.#kernel, this.#where, this.outputSchema, {
      settle: (fired) => kernels.mr_hop_settle(hop, fired),
      update: (epoch) => kernels.mr_hop_update(hop, this.#input.address, epoch),
      fire: ({ address, capacity }, watermark) => kernels.mr_hop_fire(hop, address, capacity, watermark),
    });
  }

  /** Entries as in the panes with the blocks' own fields behind them. */
  #createBlocks(): number {
    const { sizeMs, offsetMs, maxParallelism, keyGroups } = this.#config;
    const { keyKind, valueBytes, states, sets } = this.#panes.plan;
    const size = BigInt(sizeMs);
    const offset = ((BigInt(offsetMs) % size) + size) % size;
    const bytes = valueBytes + EXTRA_BYTES + EXTRA_BYTES * sets.length;
    const { start, end } = keyGroups;
    const groups = [maxParallelism, start, end - start] as const;
    const table = this.#kernels.mr_window_create(size, offset, 0, keyKind, bytes, 1, ...groups) >>> 0;
    if (table === 0) throw this.#kernel.outOfMemory("a table of hopping windows");
    for (const one of states) {
      this.#kernels.mr_window_add_state(table, one.operation, one.at, one.countAt, one.initial);
    }
    return table;
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
    const { sizeMs, slideMs } = this.#config;
    this.#windows.fired = watermark;
    // A pane is needed until the last window that has it has fired.
    const gone = watermark - BigInt(sizeMs - slideMs);
    this.#panes.firedWatermark = gone < WATERMARK_MIN ? WATERMARK_MIN : gone;
    this.#late.firedWatermark = watermark;
  }

  free(): void {
    this.#kernels.mr_hop_free(this.#hop);
    for (const one of this.#seen) this.#kernels.mr_window_free(one);
    this.#kernels.mr_window_free(this.#blocks);
    this.#panes.free();
    this.#late.free();
  }
}

function checkSlide(where: string, { sizeMs, slideMs }: HoppingTableConfig): void {
  if (!Number.isSafeInteger(slideMs) || slideMs < 1) {
    throw userError("window_size_invalid", where, `slide ${slideMs}; it must be a whole number of ms, 1 or more`);
  }
  if (!Number.isSafeInteger(sizeMs) || sizeMs < slideMs || sizeMs % slideMs !== 0) {
    const message = `size ${sizeMs} with slide ${slideMs}; the size must be a multiple of the slide`;
    throw userError("window_size_invalid", where, message);
  }
  if (sizeMs / slideMs > PANES_MAX) {
    const message = `${sizeMs / slideMs} slides a window; at most ${PANES_MAX} are possible`;
    throw userError("window_size_invalid", where, message);
  }
}
