// While state is restored: from key group and number to the row's slot, so that a row that stands in several
// checkpoint parts is there once, and one that was taken back is found. Open addressing, linear probing.
//
//   map | u32 slot address, 0 = never used, 1 = removed | …        2^k words, at most half of them used

import { mr_alloc, mr_free } from "../memory/allocator";
import { SIDE_MAP, SIDE_MAP_SLOTS, SIDE_MAP_USED, SLOT_HASH, SLOT_NUMBER } from "./layout";
import { keyGroupOf } from "./slots";

const MAP_SLOTS_MIN: u32 = 1024;
const REMOVED: u32 = 1;

@inline
function placeOf(group: u32, number: u64, slots: u32): u32 {
  const mixed = (number + ((<u64>group) << 40)) * 0x9e3779b97f4a7c15;
  return <u32>(mixed >> 32) & (slots - 1);
}

@inline
function groupOfSlot(side: usize, slot: usize): u32 {
  return keyGroupOf(side, load<u32>(slot, SLOT_HASH));
}

/** Where the map holds the row; 0 = nowhere. */
export function findNumber(side: usize, group: u32, number: u64): usize {
  const map = <usize>load<u32>(side, SIDE_MAP);
  if (map == 0) return 0;
  const slots = load<u32>(side, SIDE_MAP_SLOTS);
  let place = placeOf(group, number, slots);
  let at = map + ((<usize>place) << 2);
  let slot = <usize>load<u32>(at);
  while (slot != 0) {
    if (slot != REMOVED && load<u64>(slot, SLOT_NUMBER) == number && groupOfSlot(side, slot) == group) return at;
    place = (place + 1) & (slots - 1);
    at = map + ((<usize>place) << 2);
    slot = <usize>load<u32>(at);
  }
  return 0;
}

/** `at` is what `findNumber` has answered. */
@inline
export function forgetNumber(at: usize): void {
  store<u32>(at, REMOVED);
}

function growMap(side: usize): bool {
  const old = <usize>load<u32>(side, SIDE_MAP);
  const oldSlots = load<u32>(side, SIDE_MAP_SLOTS);
  const slots: u32 = old == 0 ? MAP_SLOTS_MIN : oldSlots << 1;
  if (slots > 0x8000000) return false;
  const map = mr_alloc(slots << 2);
  if (map == 0) return false;
  memory.fill(<usize>map, 0, (<usize>slots) << 2);
  store<u32>(side, map, SIDE_MAP);
  store<u32>(side, slots, SIDE_MAP_SLOTS);
  store<u32>(side, 0, SIDE_MAP_USED);
  for (let place: u32 = 0; place < oldSlots; place++) {
    const slot = <usize>load<u32>(old + ((<usize>place) << 2));
    if (slot > REMOVED) addNumber(side, slot);
  }
  if (old != 0) mr_free(<u32>old, oldSlots << 2);
  return true;
}

/** The slot has its hash and number, and is in the map not yet; `reserveNumbers` has made room. */
export function addNumber(side: usize, slot: usize): void {
  const map = <usize>load<u32>(side, SIDE_MAP);
  const slots = load<u32>(side, SIDE_MAP_SLOTS);
  let place = placeOf(groupOfSlot(side, slot), load<u64>(slot, SLOT_NUMBER), slots);
  while (load<u32>(map + ((<usize>place) << 2)) != 0) place = (place + 1) & (slots - 1);
  store<u32>(map + ((<usize>place) << 2), <u32>slot);
  store<u32>(side, load<u32>(side, SIDE_MAP_USED) + 1, SIDE_MAP_USED);
}

/** Room for `more` rows; false where memory is used up. */
export function reserveNumbers(side: usize, more: u32): bool {
  while ((load<u32>(side, SIDE_MAP_USED) + more) << 1 > load<u32>(side, SIDE_MAP_SLOTS)) {
    if (!growMap(side)) return false;
  }
  return true;
}

/** Everything is restored: the map goes. */
export function freeMap(side: usize): void {
  const map = load<u32>(side, SIDE_MAP);
  if (map == 0) return;
  mr_free(map, load<u32>(side, SIDE_MAP_SLOTS) << 2);
  store<u32>(side, 0, SIDE_MAP);
  store<u32>(side, 0, SIDE_MAP_SLOTS);
  store<u32>(side, 0, SIDE_MAP_USED);
}
