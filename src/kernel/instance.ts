// One WASM instance over host-owned memory. Every task has its own; a trap makes it unusable.
// `memory.grow`, from either side, detaches the buffer: take views through `bytes()` and the like each time.

import { assert } from "../base/assert.ts";
import { externalError, type MillraceError } from "../base/errors.ts";
import { BATCH_ROWS_MAX, KERNEL_PASS_ROWS } from "../base/limits.ts";
import {
  ABI_VERSION,
  CONTROL_DETAIL,
  CONTROL_HEAP_NEXT,
  CONTROL_HEAP_USED,
  CONTROL_ROWS_AGGREGATED,
  CONTROL_ROWS_SCANNED,
  CONTROL_STATUS,
  CONTROL_VERSION,
  HEAP_START,
} from "../../kernels/abi.ts";

const PAGE_BYTES = 65_536;

/** The exports shared by all kernel families; each family's host class declares its own beside them. */
export interface KernelExports {
  mr_init(heapLimit: number): void;
  mr_alloc(bytes: number): number;
  mr_free(address: number, bytes: number): void;
  [kernel: string]: (...args: never[]) => unknown;
}

export class KernelInstance {
  readonly exports: KernelExports;
  /** Rows that a batch region over this memory holds, where nothing else is said. */
  readonly regionRows: number;
  readonly #memory: WebAssembly.Memory;
  #buffer: ArrayBuffer;
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView<ArrayBuffer>;

  /** @param budgetBytes upper bound of the linear memory; beyond it kernels answer STATUS_OUT_OF_MEMORY. */
  constructor(module: WebAssembly.Module, budgetBytes: number, regionRows = BATCH_ROWS_MAX) {
    assert(regionRows <= BATCH_ROWS_MAX && regionRows % KERNEL_PASS_ROWS === 0, "a region is whole kernel passes");
    this.regionRows = regionRows;
    assert(budgetBytes > HEAP_START && budgetBytes <= 0xffff0000, "the budget fits 32-bit addresses");
    const maximum = Math.ceil(budgetBytes / PAGE_BYTES);
    this.#memory = new WebAssembly.Memory({ initial: Math.min(maximum, 16), maximum });
    const instance = new WebAssembly.Instance(module, { env: { memory: this.#memory } });
    this.exports = instance.exports as KernelExports;
    this.exports.mr_init(maximum * PAGE_BYTES - 16);
    this.#buffer = this.#memory.buffer;
    this.#bytes = new Uint8Array(this.#buffer);
    this.#view = new DataView(this.#buffer);
    assert(this.readU32(CONTROL_VERSION) === ABI_VERSION, "kernel and host agree on the ABI version");
  }

  /** Growing detaches the buffer, whose views are then empty: asking the memory itself costs ten times as much. */
  #refresh(): void {
    if (this.#bytes.length !== 0) return;
    this.#buffer = this.#memory.buffer;
    this.#bytes = new Uint8Array(this.#buffer);
    this.#view = new DataView(this.#buffer);
  }

  get buffer(): ArrayBuffer {
    this.#refresh();
    return this.#buffer;
  }
  bytes(): Uint8Array<ArrayBuffer> {
    this.#refresh();
    return this.#bytes;
  }
  view(): DataView<ArrayBuffer> {
    this.#refresh();
    return this.#view;
  }
  readU32(address: number): number {
    return this.view().getUint32(address, true);
  }
  writeU32(address: number, value: number): void {
    this.view().setUint32(address, value, true);
  }

  /** Zeroed memory of at least `bytes` bytes, aligned to 16. */
  allocate(bytes: number): number {
    const neverUsed = this.readU32(CONTROL_HEAP_NEXT);
    const address = this.exports.mr_alloc(bytes) >>> 0;
    if (address === 0) throw this.outOfMemory(`${bytes} bytes more`);
    // Memory that nobody had before is zero: to write it would make pages of it that may never be needed.
    if (address < neverUsed) this.bytes().fill(0, address, address + bytes);
    return address;
  }
  free(address: number, bytes: number): void {
    this.exports.mr_free(address, bytes);
  }

  outOfMemory(what: string): MillraceError {
    return externalError(
      "state_budget_exceeded",
      "task memory",
      `the task's memory budget of ${this.#memory.buffer.byteLength} bytes in use does not allow ${what}; raise the budget or spread the job over more tasks`,
    );
  }

  get status(): number {
    return this.readU32(CONTROL_STATUS);
  }
  get statusDetail(): number {
    return this.readU32(CONTROL_DETAIL);
  }
  get heapUsedBytes(): number {
    return this.readU32(CONTROL_HEAP_USED);
  }
  get rowsAggregated(): bigint {
    return this.view().getBigUint64(CONTROL_ROWS_AGGREGATED, true);
  }
  get rowsScanned(): bigint {
    return this.view().getBigUint64(CONTROL_ROWS_SCANNED, true);
  }
}
