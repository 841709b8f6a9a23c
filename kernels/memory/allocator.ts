// Memory for state and batches: power-of-two size classes with one free list each, bump allocation behind them.
//
//   heap   | block 2^k, aligned to 16 | block 2^j | … | CONTROL_HEAP_NEXT … never used yet … | CONTROL_HEAP_LIMIT
//   free block: first u32 = address of the next free block of its class, 0 = end of list
//
// Invariant: a block is in exactly one place: its owner's hands or its class's free list. Memory is never given back.

import {
  CONTROL_HEAP_LIMIT,
  CONTROL_HEAP_NEXT,
  CONTROL_HEAP_USED,
  CONTROL_VERSION,
  ABI_VERSION,
  FREE_LISTS,
  HEAP_START,
} from "../abi";

const MIN_CLASS: u32 = 4; // 16 bytes

/** Must be called once on zeroed memory, before any other kernel. */
export function mr_init(heapLimit: u32): void {
  store<u32>(CONTROL_VERSION, ABI_VERSION);
  store<u32>(CONTROL_HEAP_NEXT, HEAP_START);
  store<u32>(CONTROL_HEAP_LIMIT, heapLimit);
}

@inline
function classOf(bytes: u32): u32 {
  const needed: u32 = bytes < 16 ? 16 : bytes;
  const log: u32 = 32 - clz<u32>(needed - 1);
  return log < MIN_CLASS ? MIN_CLASS : log;
}

/** Address of at least `bytes` bytes aligned to 16, not zeroed; 0 where the budget or the memory is used up. */
export function mr_alloc(bytes: u32): u32 {
  if (bytes > 0x40000000) return 0;
  const sizeClass = classOf(bytes);
  const blockBytes: u32 = 1 << sizeClass;
  const list = <usize>FREE_LISTS + ((<usize>sizeClass) << 2);
  const head = load<u32>(list);
  if (head != 0) {
    store<u32>(list, load<u32>(head));
    store<u32>(CONTROL_HEAP_USED, load<u32>(CONTROL_HEAP_USED) + blockBytes);
    return head;
  }
  // Blocks of a cache line and more begin on one: index buckets must not straddle two.
  const lineMask: u32 = blockBytes >= 64 ? 63 : 15;
  const start: u32 = (load<u32>(CONTROL_HEAP_NEXT) + lineMask) & ~lineMask;
  const end: u64 = <u64>start + <u64>blockBytes;
  if (end > <u64>load<u32>(CONTROL_HEAP_LIMIT)) return 0;
  const have: u64 = <u64>memory.size() << 16;
  if (end > have) {
    // Grow by at least an eighth, so that many small blocks do not mean many calls.
    const missing: u64 = (end - have + 65535) >> 16;
    const generous: u64 = max<u64>(missing, have >> 19);
    if (memory.grow(<i32>generous) < 0 && memory.grow(<i32>missing) < 0) return 0;
  }
  store<u32>(CONTROL_HEAP_NEXT, <u32>end);
  store<u32>(CONTROL_HEAP_USED, load<u32>(CONTROL_HEAP_USED) + blockBytes);
  return start;
}

/** Gives a block back; `bytes` is what it was asked for with. */
export function mr_free(address: u32, bytes: u32): void {
  const sizeClass = classOf(bytes);
  const list = <usize>FREE_LISTS + ((<usize>sizeClass) << 2);
  store<u32>(address, load<u32>(list));
  store<u32>(list, address);
  store<u32>(CONTROL_HEAP_USED, load<u32>(CONTROL_HEAP_USED) - (1 << sizeClass));
}
