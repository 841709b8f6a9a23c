// Memory of a router: what sends each row of a batch to the task that owns its key group.
//
//   router | key section, the same fields at the same offsets as a keyed table's (kernels/table/layout.ts) | own fields |
//          | one TARGET record of 16 bytes a target |
//   target | batch u32 | heap u32 | heap bytes u32 | heap used u32 |
//
// A target's batch collects rows over several input batches, until the host takes them out; text longer than a view
// is copied to the target's heap, because the input's is gone by then.

import { TABLE_KEYS } from "../table/layout";
import { ROUTER_NEEDED_AT } from "./abi";

export const ROUTER_TARGETS: usize = TABLE_KEYS + 256; // u32
export const ROUTER_CAPACITY: usize = ROUTER_TARGETS + 4; // u32 rows of a target's batch
export const ROUTER_NEEDED: usize = <usize>ROUTER_NEEDED_AT; // TABLE_KEYS + 264
export const ROUTER_LIST: usize = ROUTER_TARGETS + 16;

export const TARGET_BATCH: usize = 0;
export const TARGET_HEAP: usize = 4;
export const TARGET_HEAP_BYTES: usize = 8;
export const TARGET_HEAP_USED: usize = 12;
export const TARGET_SHIFT: u32 = 4;

/** The host keeps to it: the temporaries below have room for so many. */
export const TARGETS_MAX: u32 = 1024;

// Temporaries of one pass, behind those that keys and hashes use.
export const PASS_TARGETS: usize = 32768; // 512 x u32
export const PASS_SLOTS: usize = 34816; // 512 x u32, the row's place in its target's batch
export const TARGET_COUNTS: usize = 36864; // u32 a target
export const TARGET_ADDRESSES: usize = 40960; // u32 a target, of one column
export const TARGET_TEXT: usize = 45056; // u64 a target, bytes of long text
