// The keys of one pass in the form that entries hold, and their hashes.
// Rows are given either as a run from `first` (rowNumbers = 0) or as a list of u32 row numbers.
//
// Composite key, part by part: | length u32, NULL_LENGTH = null | bytes, zero padded to 4 | … (numbers and bools: 8 bytes)

import {
  BATCH_COLUMN_0,
  COLUMN_BYTES,
  COLUMN_DATA,
  COLUMN_VALIDITY,
  TYPE_BOOL,
  TYPE_UTF8,
  VIEW_INLINE_MAX,
} from "../abi";
import { hashFixed, hashFixedKeys, hashNull, hashView, NULL_LENGTH } from "../hash/key_hash";
import { mr_alloc, mr_free } from "../memory/allocator";
import {
  KEY_COMPOSITE,
  KEY_FIXED,
  KEY_NULLABLE,
  KEY_TEXT,
  PASS_HASHES,
  PASS_KEYS,
  PASS_KEYS_AT,
  TABLE_KEY_COUNT,
  TABLE_KEY_KIND,
  TABLE_KEYS,
  TABLE_STAGING,
  TABLE_STAGING_BYTES,
} from "./layout";

const STAGING_BYTES_MIN: u32 = 65536;

@inline
export function rowAt(rowNumbers: usize, first: u32, at: u32): u32 {
  return rowNumbers == 0 ? first + at : load<u32>(rowNumbers + ((<usize>at) << 2));
}

@inline
export function columnAt(batch: usize, column: u32): usize {
  return batch + BATCH_COLUMN_0 + <usize>column * COLUMN_BYTES;
}

@inline
export function bitAt(bits: usize, row: u32): bool {
  return ((load<u8>(bits + <usize>(row >> 3)) >> <u8>(row & 7)) & 1) != 0;
}

/** Validity bitmap of a key column, 0 where no row can be null. */
@inline
function keyValidity(descriptor: usize, column: usize): usize {
  return load<u32>(descriptor, 8) == 0 ? 0 : <usize>load<u32>(column, COLUMN_VALIDITY);
}

@inline
function fixedValue(type: u32, data: usize, row: u32): u64 {
  return type == <u32>TYPE_BOOL ? <u64>bitAt(data, row) : load<u64>(data + ((<usize>row) << 3));
}

/** Address of key column `part` of the batch; a batch of state rows has its keys from column `2` on. */
@inline
function keyColumn(table: usize, batch: usize, part: u32, isState: bool): usize {
  const descriptor = table + TABLE_KEYS + ((<usize>part) << 4);
  return columnAt(batch, isState ? 2 + part : load<u32>(descriptor));
}

/** Address of the keys of `count` rows, none composite: the column itself where it already has the form of keys. */
function prepareKeys(table: usize, batch: usize, rowNumbers: usize, first: u32, count: u32, isState: bool): usize {
  const kind = load<u32>(table, TABLE_KEY_KIND);
  const column = keyColumn(table, batch, 0, isState);
  const type = load<u32>(table + TABLE_KEYS, 4);
  const data = <usize>load<u32>(column, COLUMN_DATA);
  const validity = keyValidity(table + TABLE_KEYS, column);
  if (kind == KEY_FIXED) {
    if (rowNumbers == 0 && type != <u32>TYPE_BOOL) return data + ((<usize>first) << 3);
    for (let i: u32 = 0; i < count; i++) {
      store<u64>(PASS_KEYS + ((<usize>i) << 3), fixedValue(type, data, rowAt(rowNumbers, first, i)));
    }
    return PASS_KEYS;
  }
  if (kind == KEY_TEXT && rowNumbers == 0 && validity == 0) return data + ((<usize>first) << 4);
  for (let i: u32 = 0; i < count; i++) {
    const row = rowAt(rowNumbers, first, i);
    const key = PASS_KEYS + ((<usize>i) << 4);
    const isNull = validity != 0 && !bitAt(validity, row);
    if (kind == KEY_NULLABLE) {
      store<u64>(key, isNull ? 0 : fixedValue(type, data, row));
      store<u64>(key, <u64>isNull, 8);
    } else if (isNull) {
      store<u64>(key, <u64>NULL_LENGTH);
      store<u64>(key, 0, 8);
    } else {
      v128.store(key, v128.load(data + ((<usize>row) << 4)));
    }
  }
  return PASS_KEYS;
}

@inline
function padded(length: u32): u32 {
  return (length + 3) & ~3;
}

/** u64, because several texts of one row may add up beyond 32 bits. */
function compositeBytes(table: usize, batch: usize, row: u32, isState: bool): u64 {
  const parts = load<u32>(table, TABLE_KEY_COUNT);
  let bytes: u64 = 0;
  for (let part: u32 = 0; part < parts; part++) {
    const descriptor = table + TABLE_KEYS + ((<usize>part) << 4);
    const column = keyColumn(table, batch, part, isState);
    const validity = keyValidity(descriptor, column);
    bytes += 4;
    if (validity != 0 && !bitAt(validity, row)) continue;
    if (load<u32>(descriptor, 4) != <u32>TYPE_UTF8) bytes += 8;
    else bytes += <u64>padded(load<u32>(<usize>load<u32>(column, COLUMN_DATA) + ((<usize>row) << 4)));
  }
  return bytes;
}

function encodeComposite(table: usize, batch: usize, row: u32, isState: bool, at: usize): void {
  const parts = load<u32>(table, TABLE_KEY_COUNT);
  for (let part: u32 = 0; part < parts; part++) {
    const descriptor = table + TABLE_KEYS + ((<usize>part) << 4);
    const column = keyColumn(table, batch, part, isState);
    const data = <usize>load<u32>(column, COLUMN_DATA);
    const type = load<u32>(descriptor, 4);
    const validity = keyValidity(descriptor, column);
    if (validity != 0 && !bitAt(validity, row)) {
      store<u32>(at, NULL_LENGTH);
      at += 4;
    } else if (type == <u32>TYPE_UTF8) {
      const view = data + ((<usize>row) << 4);
      const length = load<u32>(view);
      store<u32>(at, length);
      const end = at + 4 + padded(length);
      if (length != 0) store<u32>(end - 4, 0);
      memory.copy(at + 4, length <= <u32>VIEW_INLINE_MAX ? view + 4 : <usize>load<u32>(view, 12), <usize>length);
      at = end;
    } else {
      store<u32>(at, 8);
      store<u64>(at, fixedValue(type, data, row), 4);
      at += 12;
    }
  }
}

function growStaging(table: usize, bytes: u64): bool {
  const have = load<u32>(table, TABLE_STAGING_BYTES);
  if (bytes <= <u64>have) return true;
  if (bytes > 0x40000000) return false;
  const wanted = max<u32>(<u32>bytes, STAGING_BYTES_MIN);
  const staging = mr_alloc(wanted);
  if (staging == 0) return false;
  if (have != 0) mr_free(load<u32>(table, TABLE_STAGING), have);
  store<u32>(table, staging, TABLE_STAGING);
  store<u32>(table, wanted, TABLE_STAGING_BYTES);
  return true;
}

/** Encodes the composite keys of as many of the rows as the staging buffer takes; 0 where memory is used up. */
function stageKeys(table: usize, batch: usize, rowNumbers: usize, first: u32, count: u32, isState: bool): u32 {
  let used: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const row = rowAt(rowNumbers, first, i);
    const bytes = compositeBytes(table, batch, row, isState);
    if (<u64>used + bytes > <u64>load<u32>(table, TABLE_STAGING_BYTES)) {
      if (i > 0) return i;
      if (!growStaging(table, bytes)) return 0;
    }
    const at = <usize>(load<u32>(table, TABLE_STAGING) + used);
    encodeComposite(table, batch, row, isState, at);
    const view = PASS_KEYS + ((<usize>i) << 4);
    store<u64>(view, bytes);
    store<u32>(view, load<u32>(at), 4);
    store<u32>(view, 0, 8);
    store<u32>(view, <u32>at, 12);
    if (bytes <= <u64>VIEW_INLINE_MAX) {
      store<u32>(view, bytes > 4 ? load<u32>(at, 4) : 0, 8);
      store<u32>(view, bytes > 8 ? load<u32>(at, 8) : 0, 12);
    }
    used += <u32>bytes;
  }
  return count;
}

/**
 * Brings the keys of rows into the form that entries hold, and their address into PASS_KEYS_AT. How many rows: all, or
 * as many as the staging buffer of composite keys takes; 0 where memory is used up.
 */
export function passKeys(table: usize, batch: usize, rowNumbers: usize, first: u32, count: u32, isState: bool): u32 {
  let keys = PASS_KEYS;
  if (load<u32>(table, TABLE_KEY_KIND) == KEY_COMPOSITE) count = stageKeys(table, batch, rowNumbers, first, count, isState);
  else keys = prepareKeys(table, batch, rowNumbers, first, count, isState);
  store<u32>(PASS_KEYS_AT, <u32>keys);
  return count;
}

export function hashKeys(table: usize, keys: usize, count: u32): void {
  const kind = load<u32>(table, TABLE_KEY_KIND);
  if (kind == KEY_FIXED) return hashFixedKeys(keys, count, PASS_HASHES);
  for (let i: u32 = 0; i < count; i++) {
    const key = keys + ((<usize>i) << 4);
    let hash: u32;
    if (kind == KEY_NULLABLE) hash = load<u64>(key, 8) != 0 ? hashNull() : hashFixed(load<u64>(key));
    else hash = hashView(key);
    store<u32>(PASS_HASHES + ((<usize>i) << 2), hash);
  }
}
