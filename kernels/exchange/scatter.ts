// Sends the rows of a batch to the batches of their targets, column by column, 512 rows a pass.
//
// Invariant: a pass is done whole or not at all: it begins only when every target has room for all of its rows.

import {
  BATCH_COLUMN_0,
  BATCH_COLUMNS,
  BATCH_ROWS,
  BATCH_WATERMARKS,
  BATCH_WEIGHTS,
  COLUMN_BYTES,
  COLUMN_DATA,
  COLUMN_TYPE,
  COLUMN_VALIDITY,
  CONTROL_DETAIL,
  CONTROL_STATUS,
  STATUS_OK,
  STATUS_OUT_OF_MEMORY,
  TYPE_BOOL,
  TYPE_UTF8,
  VIEW_INLINE_MAX,
} from "../abi";
import { bitAt, columnAt, hashKeys, passKeys } from "../table/keys";
import { PASS_HASHES, PASS_KEYS_AT, PASS_ROWS, TABLE_MAX_PARALLELISM } from "../table/layout";
import {
  PASS_SLOTS,
  PASS_TARGETS,
  ROUTER_CAPACITY,
  ROUTER_NEEDED,
  ROUTER_TARGETS,
  TARGET_ADDRESSES,
  TARGET_BATCH,
  TARGET_COUNTS,
  TARGET_HEAP,
  TARGET_HEAP_BYTES,
  TARGET_HEAP_USED,
  TARGET_TEXT,
} from "./layout";
import { targetAt } from "./router";

@inline
function word(list: usize, index: u32): u32 {
  return load<u32>(list + ((<usize>index) << 2));
}

@inline
function setWord(list: usize, index: u32, value: u32): void {
  store<u32>(list + ((<usize>index) << 2), value);
}

/**
 * Scatters rows from `first` on. Returns the first row that was not scattered: the batch's count of rows when all
 * were; else CONTROL_DETAIL names the target that must be emptied first (or be given the heap that it lacks).
 */
export function mr_router_scatter(router: u32, batch: u32, first: u32): u32 {
  store<u32>(CONTROL_STATUS, STATUS_OK);
  const rows = load<u32>(batch, BATCH_ROWS);
  while (first < rows) {
    const count = routePass(router, batch, first, min(PASS_ROWS, rows - first));
    if (count == 0) {
      store<u32>(CONTROL_STATUS, STATUS_OUT_OF_MEMORY);
      return first;
    }
    if (!hasRoom(router, batch, first, count)) return first;
    takeSlots(router, count);
    const columns = load<u32>(batch, BATCH_COLUMNS);
    for (let index: u32 = 0; index < columns; index++) scatterColumn(router, batch, index, first, count);
    scatterMarks(router, batch, first, count);
    first += count;
  }
  return first;
}

/** Fills PASS_TARGETS and TARGET_COUNTS for the rows that one pass takes; 0 where memory is used up. */
function routePass(router: usize, batch: usize, first: u32, wanted: u32): u32 {
  const count = passKeys(router, batch, 0, first, wanted, false);
  if (count == 0) return 0;
  hashKeys(router, <usize>load<u32>(PASS_KEYS_AT), count);
  const targets = load<u32>(router, ROUTER_TARGETS);
  const groups = <u64>load<u32>(router, TABLE_MAX_PARALLELISM);
  memory.fill(TARGET_COUNTS, 0, (<usize>targets) << 2);
  for (let i: u32 = 0; i < count; i++) {
    const group: u32 = <u32>((<u64>word(PASS_HASHES, i) * groups) >> 32);
    const target: u32 = group * targets / <u32>groups;
    setWord(PASS_TARGETS, i, target);
    setWord(TARGET_COUNTS, target, word(TARGET_COUNTS, target) + 1);
  }
  return count;
}

function hasRoom(router: usize, batch: usize, first: u32, count: u32): bool {
  const targets = load<u32>(router, ROUTER_TARGETS);
  const capacity = load<u32>(router, ROUTER_CAPACITY);
  for (let target: u32 = 0; target < targets; target++) {
    const held = load<u32>(<usize>load<u32>(targetAt(router, target), TARGET_BATCH), BATCH_ROWS);
    if (held + word(TARGET_COUNTS, target) <= capacity) continue;
    store<u32>(CONTROL_DETAIL, target);
    store<u32>(router, 0, ROUTER_NEEDED);
    return false;
  }
  if (!sumText(batch, first, count, targets)) return true;
  for (let target: u32 = 0; target < targets; target++) {
    const at = targetAt(router, target);
    const needed = load<u64>(TARGET_TEXT + ((<usize>target) << 3));
    if (<u64>load<u32>(at, TARGET_HEAP_USED) + needed <= <u64>load<u32>(at, TARGET_HEAP_BYTES)) continue;
    store<u32>(CONTROL_DETAIL, target);
    store<u32>(router, <u32>min<u64>(needed, 0xffffffff), ROUTER_NEEDED);
    return false;
  }
  return true;
}

/** Bytes of long text by target; false where no column holds text. */
function sumText(batch: usize, first: u32, count: u32, targets: u32): bool {
  const columns = load<u32>(batch, BATCH_COLUMNS);
  let found = false;
  memory.fill(TARGET_TEXT, 0, (<usize>targets) << 3);
  for (let index: u32 = 0; index < columns; index++) {
    const column = columnAt(batch, index);
    if (load<u32>(column, COLUMN_TYPE) != <u32>TYPE_UTF8) continue;
    found = true;
    const views = <usize>load<u32>(column, COLUMN_DATA) + ((<usize>first) << 4);
    const validity = <usize>load<u32>(column, COLUMN_VALIDITY);
    for (let i: u32 = 0; i < count; i++) {
      const length = load<u32>(views + ((<usize>i) << 4));
      if (length <= <u32>VIEW_INLINE_MAX || (validity != 0 && !bitAt(validity, first + i))) continue;
      const at = TARGET_TEXT + ((<usize>word(PASS_TARGETS, i)) << 3);
      store<u64>(at, load<u64>(at) + <u64>length);
    }
  }
  return found;
}

/** Gives each row its place behind what its target holds already. */
function takeSlots(router: usize, count: u32): void {
  const targets = load<u32>(router, ROUTER_TARGETS);
  for (let target: u32 = 0; target < targets; target++) {
    const batch = <usize>load<u32>(targetAt(router, target), TARGET_BATCH);
    const held = load<u32>(batch, BATCH_ROWS);
    store<u32>(batch, held + word(TARGET_COUNTS, target), BATCH_ROWS);
    setWord(TARGET_COUNTS, target, held);
  }
  for (let i: u32 = 0; i < count; i++) {
    const target = word(PASS_TARGETS, i);
    const slot = word(TARGET_COUNTS, target);
    setWord(TARGET_COUNTS, target, slot + 1);
    setWord(PASS_SLOTS, i, slot);
  }
}

/** TARGET_ADDRESSES = a u32 field of every target's batch, or of its column `index`. */
@inline
function listAddresses(router: usize, fieldAt: usize): void {
  const targets = load<u32>(router, ROUTER_TARGETS);
  for (let target: u32 = 0; target < targets; target++) {
    const batch = <usize>load<u32>(targetAt(router, target), TARGET_BATCH);
    setWord(TARGET_ADDRESSES, target, load<u32>(batch + fieldAt));
  }
}

function scatterColumn(router: usize, batch: usize, index: u32, first: u32, count: u32): void {
  const fieldAt = <usize>BATCH_COLUMN_0 + <usize>index * COLUMN_BYTES;
  const column = batch + fieldAt;
  const type = load<u32>(column, COLUMN_TYPE);
  const data = <usize>load<u32>(column, COLUMN_DATA);
  const validity = <usize>load<u32>(column, COLUMN_VALIDITY);
  listAddresses(router, fieldAt + COLUMN_DATA);
  if (type == <u32>TYPE_BOOL) scatterBits(data, first, count);
  else if (type == <u32>TYPE_UTF8) scatterText(router, data, validity, first, count);
  else scatter8(data + ((<usize>first) << 3), count);
  // The host has given every nullable column of a target its bitmap, and no other one.
  listAddresses(router, fieldAt + COLUMN_VALIDITY);
  if (word(TARGET_ADDRESSES, 0) != 0) scatterBits(validity, first, count);
}

function scatter8(from: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const to = <usize>word(TARGET_ADDRESSES, word(PASS_TARGETS, i)) + ((<usize>word(PASS_SLOTS, i)) << 3);
    store<u64>(to, load<u64>(from + ((<usize>i) << 3)));
  }
}

/** `bits` 0 stands for a bitmap of ones. */
function scatterBits(bits: usize, first: u32, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const slot = word(PASS_SLOTS, i);
    const to = <usize>word(TARGET_ADDRESSES, word(PASS_TARGETS, i)) + <usize>(slot >> 3);
    const mask: u8 = <u8>(<u32>1 << (slot & 7));
    const set = bits == 0 || bitAt(bits, first + i);
    const byte = load<u8>(to);
    store<u8>(to, set ? byte | mask : byte & ~mask);
  }
}

function scatterText(router: usize, data: usize, validity: usize, first: u32, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const from = data + ((<usize>(first + i)) << 4);
    const target = word(PASS_TARGETS, i);
    const to = <usize>word(TARGET_ADDRESSES, target) + ((<usize>word(PASS_SLOTS, i)) << 4);
    if (validity != 0 && !bitAt(validity, first + i)) {
      v128.store(to, i64x2.splat(0));
      continue;
    }
    v128.store(to, v128.load(from));
    const length = load<u32>(from);
    if (length <= <u32>VIEW_INLINE_MAX) continue;
    const record = targetAt(router, target);
    const used = load<u32>(record, TARGET_HEAP_USED);
    const at = load<u32>(record, TARGET_HEAP) + used;
    memory.copy(<usize>at, <usize>load<u32>(from, 12), <usize>length);
    store<u32>(record, used + length, TARGET_HEAP_USED);
    store<u32>(to, at, 12);
  }
}

/** The rows' own watermarks and weights, to the targets that keep them. */
function scatterMarks(router: usize, batch: usize, first: u32, count: u32): void {
  listAddresses(router, BATCH_WATERMARKS);
  if (word(TARGET_ADDRESSES, 0) != 0) {
    const watermarks = <usize>load<u32>(batch, BATCH_WATERMARKS);
    if (watermarks != 0) {
      scatter8(watermarks + ((<usize>first) << 3), count);
    } else {
      for (let i: u32 = 0; i < count; i++) {
        const to = <usize>word(TARGET_ADDRESSES, word(PASS_TARGETS, i)) + ((<usize>word(PASS_SLOTS, i)) << 3);
        store<i64>(to, i64.MIN_VALUE);
      }
    }
  }
  listAddresses(router, BATCH_WEIGHTS);
  if (word(TARGET_ADDRESSES, 0) == 0) return;
  const weights = <usize>load<u32>(batch, BATCH_WEIGHTS);
  for (let i: u32 = 0; i < count; i++) {
    const to = <usize>word(TARGET_ADDRESSES, word(PASS_TARGETS, i)) + <usize>word(PASS_SLOTS, i);
    store<i8>(to, weights == 0 ? 1 : load<i8>(weights + <usize>(first + i)));
  }
}
