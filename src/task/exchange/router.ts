// The host side of kernels/exchange: spreads the rows of a region over one region a target, by key group.

import { assert, present } from "../../base/assert.ts";
import { BatchRegion, typeCode } from "../../kernel/batch_region.ts";
import type { KernelInstance } from "../../kernel/instance.ts";
import { KEY_COLUMNS_MAX, keyKindOf } from "../../kernel/key_kind.ts";
import {
  BATCH_WATERMARKS,
  BATCH_WEIGHTS,
  COLUMN_VALIDITY,
  COLUMN_VALIDITY_BUFFER,
  STATUS_OK,
} from "../../../kernels/abi.ts";
import { ROUTER_NEEDED_AT } from "../../../kernels/exchange/abi.ts";

/** The kernels' temporaries have room for so many. */
export const TARGETS_MAX = 1024;

const HEAP_BYTES_MIN = 64 * 1024;

interface RouterKernels {
  mr_router_create(targets: number, capacity: number, maxParallelism: number, keyKind: number): number;
  mr_router_add_key(router: number, column: number, type: number, nullable: number): void;
  mr_router_set_target(router: number, target: number, batch: number, heap: number, heapBytes: number): void;
  mr_router_scatter(router: number, batch: number, first: number): number;
}

export interface RouterConfig {
  readonly input: BatchRegion;
  readonly keyColumns: readonly number[];
  readonly targets: number;
  readonly maxParallelism: number;
  readonly watermarks: boolean;
  readonly weights: boolean;
}

interface Target {
  readonly region: BatchRegion;
  heap: number;
  heapBytes: number;
}

export class Router {
  readonly #kernel: KernelInstance;
  readonly #kernels: RouterKernels;
  readonly #input: BatchRegion;
  readonly #router: number;
  readonly #targets: readonly Target[];

  constructor(config: RouterConfig) {
    const { input, keyColumns, targets, maxParallelism } = config;
    assert(targets >= 1 && targets <= TARGETS_MAX, "a router has 1 to 1024 targets");
    assert(keyColumns.length >= 1 && keyColumns.length <= KEY_COLUMNS_MAX, "rows are routed by 1 to 16 key columns");
    this.#input = input;
    this.#kernel = input.kernel;
    this.#kernels = input.kernel.exports as unknown as RouterKernels;
    const keys = keyColumns.map((column) => present(input.schema[column], "a key column"));
    this.#router = this.#kernels.mr_router_create(targets, input.capacity, maxParallelism, keyKindOf(keys)) >>> 0;
    if (this.#router === 0) throw this.#kernel.outOfMemory("a router");
    keys.forEach((key, index) => {
      const column = keyColumns[index] as number;
      this.#kernels.mr_router_add_key(this.#router, column, typeCode[key.type], key.nullable ? 1 : 0);
    });
    this.#targets = Array.from({ length: targets }, () => this.#makeTarget(config));
    this.#targets.forEach((_one, index) => {
      this.#register(index);
    });
  }

  #makeTarget({ input, watermarks, weights }: RouterConfig): Target {
    const kernel = this.#kernel;
    const region = new BatchRegion(kernel, input.schema);
    input.schema.forEach((field, index) => {
      if (!field.nullable) return;
      const column = region.columnAddress(index);
      kernel.writeU32(column + COLUMN_VALIDITY, kernel.readU32(column + COLUMN_VALIDITY_BUFFER));
    });
    if (!watermarks) kernel.writeU32(region.address + BATCH_WATERMARKS, 0);
    if (weights) kernel.writeU32(region.address + BATCH_WEIGHTS, kernel.allocate(region.capacity));
    const hasText = input.schema.some((field) => field.type === "utf8");
    return { region, heap: hasText ? kernel.allocate(HEAP_BYTES_MIN) : 0, heapBytes: hasText ? HEAP_BYTES_MIN : 0 };
  }

  #register(index: number): void {
    const { region, heap, heapBytes } = this.#targets[index] as Target;
    this.#kernels.mr_router_set_target(this.#router, index, region.address, heap, heapBytes);
  }

  /** What has been collected for a target; `emptied` must be called once it has been taken out. */
  region(target: number): BatchRegion {
    return (this.#targets[target] as Target).region;
  }

  emptied(target: number): void {
    this.region(target).rowCount = 0;
    this.#register(target);
  }

  /** Spreads the input region's rows; `empty(target)` is called when a target is full and must call `emptied`. */
  scatter(empty: (target: number) => void): void {
    const rows = this.#input.rowCount;
    let first = 0;
    while (first < rows) {
      first = this.#kernels.mr_router_scatter(this.#router, this.#input.address, first) >>> 0;
      if (this.#kernel.status !== STATUS_OK) throw this.#kernel.outOfMemory("room for the keys of a batch");
      if (first === rows) return;
      const full = this.#kernel.statusDetail;
      if (this.region(full).rowCount > 0) empty(full);
      const needed = this.#kernel.readU32(this.#router + ROUTER_NEEDED_AT);
      if (needed > (this.#targets[full] as Target).heapBytes) this.#growHeap(full, needed);
      assert(this.region(full).rowCount === 0, "a full target was emptied");
    }
  }

  #growHeap(index: number, neededBytes: number): void {
    const target = this.#targets[index] as Target;
    if (target.heapBytes > 0) this.#kernel.free(target.heap, target.heapBytes);
    target.heapBytes = 0;
    target.heap = this.#kernel.allocate(neededBytes);
    target.heapBytes = neededBytes;
    this.#register(index);
  }
}
