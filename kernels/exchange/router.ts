// Making a router. The host describes keys and targets between `mr_router_create` and the first batch only.

import { mr_alloc, mr_free } from "../memory/allocator";
import {
  TABLE_KEY_COUNT,
  TABLE_KEY_KIND,
  TABLE_KEYS,
  TABLE_MAX_PARALLELISM,
  TABLE_STAGING,
  TABLE_STAGING_BYTES,
} from "../table/layout";
import {
  ROUTER_CAPACITY,
  ROUTER_LIST,
  ROUTER_TARGETS,
  TARGET_BATCH,
  TARGET_HEAP,
  TARGET_HEAP_BYTES,
  TARGET_HEAP_USED,
  TARGET_SHIFT,
} from "./layout";

@inline
function routerBytes(targets: u32): u32 {
  return <u32>ROUTER_LIST + (targets << TARGET_SHIFT);
}

@inline
export function targetAt(router: usize, target: u32): usize {
  return router + ROUTER_LIST + ((<usize>target) << TARGET_SHIFT);
}

/** Address of a router without keys; 0 where memory is used up. */
export function mr_router_create(targets: u32, capacity: u32, maxParallelism: u32, keyKind: u32): u32 {
  const router = <usize>mr_alloc(routerBytes(targets));
  if (router == 0) return 0;
  memory.fill(router, 0, <usize>routerBytes(targets));
  store<u32>(router, targets, ROUTER_TARGETS);
  store<u32>(router, capacity, ROUTER_CAPACITY);
  store<u32>(router, maxParallelism, TABLE_MAX_PARALLELISM);
  store<u32>(router, keyKind, TABLE_KEY_KIND);
  return <u32>router;
}

export function mr_router_add_key(router: u32, column: u32, type: u32, nullable: u32): void {
  const count = load<u32>(router, TABLE_KEY_COUNT);
  const at = <usize>router + TABLE_KEYS + ((<usize>count) << 4);
  store<u32>(at, column);
  store<u32>(at, type, 4);
  store<u32>(at, nullable, 8);
  store<u32>(router, count + 1, TABLE_KEY_COUNT);
}

/** Gives a target its batch, or another heap; what the heap held is no longer there. */
export function mr_router_set_target(router: u32, target: u32, batch: u32, heap: u32, heapBytes: u32): void {
  const at = targetAt(router, target);
  store<u32>(at, batch, TARGET_BATCH);
  store<u32>(at, heap, TARGET_HEAP);
  store<u32>(at, heapBytes, TARGET_HEAP_BYTES);
  store<u32>(at, 0, TARGET_HEAP_USED);
}

export function mr_router_free(router: u32): void {
  const staging = load<u32>(router, TABLE_STAGING_BYTES);
  if (staging != 0) mr_free(load<u32>(router, TABLE_STAGING), staging);
  mr_free(router, routerBytes(load<u32>(router, ROUTER_TARGETS)));
}
