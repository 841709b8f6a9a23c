// What tests of the kinds of windows share: any of them over rows of plain values, in a region of its own.

import { batchOfRows, type RecordBatch, type Value } from "../../src/batch/record_batch.ts";
import type { Schema } from "../../src/batch/schema.ts";
import { BatchRegion } from "../../src/kernel/batch_region.ts";
import type { KernelInstance } from "../../src/kernel/instance.ts";
import type { KeyGroupRange } from "../../src/keygroup/key_group.ts";
import { HoppingTable } from "../../src/state/hopping_table.ts";
import { SessionTable } from "../../src/state/session_table.ts";
import type { WindowState, WindowStateTable } from "../../src/state/window_state.ts";
import { WindowTable } from "../../src/state/window_table.ts";
import type { PanesTwinConfig } from "./panes_twin.ts";
import { NO_WATERMARK, rowsOf } from "./window_fixture.ts";

export interface PanesConfig extends PanesTwinConfig {
  readonly maxParallelism: number;
  readonly keyGroups: KeyGroupRange;
  readonly where?: string;
}

export function windowStateOf(kernel: KernelInstance, input: BatchRegion, config: PanesConfig): WindowState {
  const { window } = config;
  switch (window.kind) {
    case "tumbling":
      return new WindowTable(kernel, input, { ...config, ...window });
    case "hopping":
      return new HoppingTable(kernel, input, { ...config, ...window });
    case "session":
      return new SessionTable(kernel, input, { ...config, ...window });
  }
}

export class PanesFixture {
  readonly schema: Schema;
  readonly input: BatchRegion;
  readonly output: BatchRegion;
  readonly state: WindowState;

  constructor(kernel: KernelInstance, schema: Schema, config: PanesConfig, capacity = 4096, outputRows = 1000) {
    this.schema = schema;
    this.input = new BatchRegion(kernel, schema, capacity);
    this.state = windowStateOf(kernel, this.input, config);
    this.output = new BatchRegion(kernel, this.state.outputSchema, outputRows);
  }

  /** Numbers of the late rows. */
  update(epoch: number, rows: readonly (readonly Value[])[], watermarks?: readonly bigint[]): number[] {
    this.input.load(batchOfRows(this.schema, rows));
    const into = this.input.watermarks();
    for (let row = 0; row < rows.length; row++) into[row] = watermarks?.[row] ?? NO_WATERMARK;
    return Array.from(this.state.update(epoch).lateRows());
  }

  fire(watermark: bigint, epoch = 1): Value[][] {
    const rows: Value[][] = [];
    const emit = (): void => {
      rows.push(...rowsOf(this.output.copyOut()));
    };
    this.state.fire(watermark, this.output, emit, epoch);
    return rows;
  }

  table(name: string): WindowStateTable {
    const found = this.state.stateTables.find((one) => one.name === name);
    if (found === undefined) throw new Error(`there is no state table ${name}`);
    return found;
  }

  /** Every table's changes, by its name. */
  gather(afterEpoch: number): Map<string, RecordBatch[]> {
    return new Map(this.state.stateTables.map((one) => [one.name, one.gather(afterEpoch)]));
  }
  completed(epoch: number): void {
    for (const one of this.state.stateTables) one.completed(epoch);
  }

  free(): void {
    this.state.free();
    this.input.free();
    this.output.free();
  }
}
