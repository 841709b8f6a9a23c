// From rows of a batch to slots, column by column: a batch of the input, or one of state rows. And whether a slot
// holds a certain row of the input.
//
// Invariant: equal rows have equal bytes, so a null's value is zero, and texts compare by their bytes.

import {
  COLUMN_DATA,
  COLUMN_VALIDITY,
  TYPE_BOOL,
  TYPE_UTF8,
  VIEW_INLINE_MAX,
} from "../abi";
import { mr_alloc } from "../memory/allocator";
import { bitAt, columnAt, rowAt } from "../table/keys";
import {
  NEVER_NULL,
  PASS_SLOTS,
  SIDE_COLUMN_COUNT,
  SIDE_COLUMNS,
  SIDE_NULLS_AT,
  SIDE_TEXT_AT,
  SIDE_TEXT_BYTES,
} from "./layout";

/** State rows have their columns behind key group and time. */
export const STATE_FIRST_COLUMN: u32 = 2;

@inline
function sourceColumn(batch: usize, program: usize, index: u32, isState: bool): usize {
  return columnAt(batch, isState ? STATE_FIRST_COLUMN + index : load<u32>(program));
}

@inline
function slotAt(place: u32): usize {
  return <usize>load<u32>(PASS_SLOTS + ((<usize>place) << 2));
}

/** The validity bitmap to look at; 0 where no row is null. */
@inline
function validityOf(program: usize, column: usize): usize {
  return load<u32>(program, 12) == NEVER_NULL ? 0 : <usize>load<u32>(column, COLUMN_VALIDITY);
}

function fillFixed(data: usize, validity: usize, at: usize, rowNumbers: usize, first: u32, from: u32, to: u32): void {
  for (let i = from; i < to; i++) {
    const row = rowAt(rowNumbers, first, i);
    const isNull = validity != 0 && !bitAt(validity, row);
    store<u64>(slotAt(i) + at, isNull ? 0 : load<u64>(data + ((<usize>row) << 3)));
  }
}

function fillBits(data: usize, validity: usize, at: usize, rowNumbers: usize, first: u32, from: u32, to: u32): void {
  for (let i = from; i < to; i++) {
    const row = rowAt(rowNumbers, first, i);
    store<u64>(slotAt(i) + at, <u64>((validity == 0 || bitAt(validity, row)) && bitAt(data, row)));
  }
}

/** Long texts still lie where the batch has them. */
function fillViews(data: usize, validity: usize, at: usize, rowNumbers: usize, first: u32, from: u32, to: u32): void {
  for (let i = from; i < to; i++) {
    const row = rowAt(rowNumbers, first, i);
    const isNull = validity != 0 && !bitAt(validity, row);
    v128.store(slotAt(i) + at, isNull ? i64x2.splat(0) : v128.load(data + ((<usize>row) << 4)));
  }
}

function fillNulls(nullsAt: usize, bit: u32, validity: usize, rowNumbers: usize, first: u32, from: u32, to: u32): void {
  for (let i = from; i < to; i++) {
    const isNull = !bitAt(validity, rowAt(rowNumbers, first, i));
    const nulls = slotAt(i) + nullsAt;
    store<u64>(nulls, load<u64>(nulls) | (<u64>isNull << <u64>bit));
  }
}

/** Moves the long texts of a slot into one block of its own; false where memory is used up. */
function keepTexts(side: usize, slot: usize, textAt: usize): bool {
  const programs = side + SIDE_COLUMNS;
  const end = programs + ((<usize>load<u32>(side, SIDE_COLUMN_COUNT)) << 4);
  let bytes: u64 = 0;
  for (let program = programs; program < end; program += 16) {
    if (load<u32>(program, 4) != <u32>TYPE_UTF8) continue;
    const length = load<u32>(slot + <usize>load<u32>(program, 8));
    if (length > <u32>VIEW_INLINE_MAX) bytes += <u64>length;
  }
  store<u64>(slot + textAt, 0);
  if (bytes == 0) return true;
  let block: u32 = bytes > 0x40000000 ? 0 : mr_alloc(<u32>bytes);
  if (block == 0) {
    dropViews(programs, end, slot);
    return false;
  }
  store<u32>(slot + textAt, block);
  store<u32>(slot + textAt, <u32>bytes, 4);
  store<u32>(side, load<u32>(side, SIDE_TEXT_BYTES) + <u32>bytes, SIDE_TEXT_BYTES);
  for (let program = programs; program < end; program += 16) {
    if (load<u32>(program, 4) != <u32>TYPE_UTF8) continue;
    const view = slot + <usize>load<u32>(program, 8);
    const length = load<u32>(view);
    if (length <= <u32>VIEW_INLINE_MAX) continue;
    memory.copy(<usize>block, <usize>load<u32>(view, 12), <usize>length);
    store<u32>(view, block, 12);
    block += length;
  }
  return true;
}

/** The row's texts could not be kept, so nothing of the slot may point at them. */
function dropViews(programs: usize, end: usize, slot: usize): void {
  for (let program = programs; program < end; program += 16) {
    if (load<u32>(program, 4) == <u32>TYPE_UTF8) v128.store(slot + <usize>load<u32>(program, 8), i64x2.splat(0));
  }
}

/**
 * Writes the columns of places [from, to) of the pass into their slots in PASS_SLOTS. The first place whose texts found
 * no room, or `to`.
 */
export function fillSlots(
  side: usize, batch: usize, isState: bool, rowNumbers: usize, first: u32, from: u32, to: u32,
): u32 {
  const nullsAt = <usize>load<u32>(side, SIDE_NULLS_AT);
  const textAt = <usize>load<u32>(side, SIDE_TEXT_AT);
  if (nullsAt != 0) for (let i = from; i < to; i++) store<u64>(slotAt(i) + nullsAt, 0);
  const count = load<u32>(side, SIDE_COLUMN_COUNT);
  for (let index: u32 = 0; index < count; index++) {
    const program = side + SIDE_COLUMNS + ((<usize>index) << 4);
    const column = sourceColumn(batch, program, index, isState);
    const type = load<u32>(program, 4);
    const at = <usize>load<u32>(program, 8);
    const data = <usize>load<u32>(column, COLUMN_DATA);
    const validity = validityOf(program, column);
    if (type == <u32>TYPE_UTF8) fillViews(data, validity, at, rowNumbers, first, from, to);
    else if (type == <u32>TYPE_BOOL) fillBits(data, validity, at, rowNumbers, first, from, to);
    else fillFixed(data, validity, at, rowNumbers, first, from, to);
    if (validity != 0) fillNulls(nullsAt, load<u32>(program, 12), validity, rowNumbers, first, from, to);
  }
  if (textAt == 0) return to;
  let failed = to;
  for (let i = from; i < to; i++) {
    if (!keepTexts(side, slotAt(i), textAt) && failed == to) failed = i;
  }
  return failed;
}

@inline
function equalViews(slot: usize, view: usize): bool {
  if (load<u64>(slot) != load<u64>(view)) return false;
  const length = load<u32>(view);
  if (length <= <u32>VIEW_INLINE_MAX) return load<u64>(slot, 8) == load<u64>(view, 8);
  return memory.compare(<usize>load<u32>(slot, 12), <usize>load<u32>(view, 12), <usize>length) == 0;
}

/** Whether the slot's columns are those of a row of the input. */
export function equalRow(side: usize, batch: usize, row: u32, slot: usize): bool {
  const nullsAt = <usize>load<u32>(side, SIDE_NULLS_AT);
  const programs = side + SIDE_COLUMNS;
  const end = programs + ((<usize>load<u32>(side, SIDE_COLUMN_COUNT)) << 4);
  for (let program = programs; program < end; program += 16) {
    const column = columnAt(batch, load<u32>(program));
    const validity = validityOf(program, column);
    const bit = load<u32>(program, 12);
    const isNull = validity != 0 && !bitAt(validity, row);
    if (bit != NEVER_NULL && (((load<u64>(slot + nullsAt) >> <u64>bit) & 1) != 0) != isNull) return false;
    if (isNull) continue;
    const type = load<u32>(program, 4);
    const data = <usize>load<u32>(column, COLUMN_DATA);
    const value = slot + <usize>load<u32>(program, 8);
    if (type == <u32>TYPE_UTF8) {
      if (!equalViews(value, data + ((<usize>row) << 4))) return false;
    } else if (type == <u32>TYPE_BOOL) {
      if (load<u64>(value) != <u64>bitAt(data, row)) return false;
    } else if (load<u64>(value) != load<u64>(data + ((<usize>row) << 3))) return false;
  }
  return true;
}
