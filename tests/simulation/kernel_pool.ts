// Kernel instances that are used again from seed to seed: a life makes dozens, and making one costs more than most of
// what it is made for.
//
// Invariant: a memory is all zero when it is handed out, as a new one is, and is handed out once until `reclaim`, which
// is called when nothing of the life that used it can happen any more. The kernels keep all they know in memory.

import { CONTROL_HEAP_NEXT } from "../../kernels/abi.ts";

const VECTOR_BYTES = 16;

interface Pooled {
  readonly memory: WebAssembly.Memory;
  instance: WebAssembly.Instance | undefined;
}

const RealMemory = WebAssembly.Memory;
const RealInstance = WebAssembly.Instance;

export class KernelPool {
  readonly #free = new Map<number, Pooled[]>();
  #used: { readonly pages: number; readonly pooled: Pooled }[] = [];
  readonly #byMemory = new Map<object, Pooled>();

  /** From now on kernels come from this pool. */
  install(): void {
    const memory = (descriptor: WebAssembly.MemoryDescriptor) => this.#memory(descriptor);
    const instance = (module: WebAssembly.Module, imports: WebAssembly.Imports) => this.#instance(module, imports);
    // A constructor that returns an object makes `new` return that object.
    WebAssembly.Memory = function Memory(descriptor: WebAssembly.MemoryDescriptor) {
      return memory(descriptor);
    } as unknown as typeof WebAssembly.Memory;
    WebAssembly.Instance = function Instance(module: WebAssembly.Module, imports: WebAssembly.Imports) {
      return instance(module, imports);
    } as unknown as typeof WebAssembly.Instance;
  }

  #memory(descriptor: WebAssembly.MemoryDescriptor): WebAssembly.Memory {
    const pages = descriptor.maximum ?? 0;
    let pooled = this.#free.get(pages)?.pop();
    if (pooled === undefined) {
      pooled = { memory: new RealMemory(descriptor), instance: undefined };
      this.#byMemory.set(pooled.memory, pooled);
    }
    this.#used.push({ pages, pooled });
    return pooled.memory;
  }

  #instance(module: WebAssembly.Module, imports: WebAssembly.Imports): WebAssembly.Instance {
    const pooled = this.#byMemory.get(imports["env"]?.["memory"] as unknown as object);
    if (pooled === undefined) return new RealInstance(module, imports);
    pooled.instance ??= new RealInstance(module, imports);
    return pooled.instance;
  }

  /** The life that used them is over. */
  reclaim(): void {
    for (const { pages, pooled } of this.#used) {
      const { buffer } = pooled.memory;
      const end = new DataView(buffer).getUint32(CONTROL_HEAP_NEXT, true);
      // A kernel that writes whole vectors may have gone beyond its last block by less than one.
      new Uint8Array(buffer, 0, Math.min(end + VECTOR_BYTES, buffer.byteLength)).fill(0);
      const free = this.#free.get(pages);
      if (free === undefined) this.#free.set(pages, [pooled]);
      else free.push(pooled);
    }
    this.#used = [];
  }
}
