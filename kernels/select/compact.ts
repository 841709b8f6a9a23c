// Keeps the rows of a batch that a bitmap selects, in place and in order.
//
//   scratch: one u32 a kept row, the row it comes from
//
// Invariant: a kept row never comes from before its new place, so going forward overwrites nothing that is still read.

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
  SCRATCH,
  TYPE_BOOL,
  TYPE_UTF8,
} from "../abi";

/** `kept` is the count of set bits among the batch's rows; at most SCRATCH_BYTES / 4. */
export function compactBatch(batch: usize, selection: usize, kept: u32): void {
  const rows = load<u32>(batch, BATCH_ROWS);
  store<u32>(batch, kept, BATCH_ROWS);
  if (kept == rows || kept == 0) return;
  listRows(selection, rows);
  const columns = load<u32>(batch, BATCH_COLUMNS);
  for (let index: u32 = 0; index < columns; index++) {
    const column = batch + BATCH_COLUMN_0 + <usize>index * COLUMN_BYTES;
    const type = load<u32>(column, COLUMN_TYPE);
    const data = <usize>load<u32>(column, COLUMN_DATA);
    if (type == TYPE_BOOL) compactBits(data, kept);
    else if (type == TYPE_UTF8) compact16(data, kept);
    else compact8(data, kept);
    const validity = <usize>load<u32>(column, COLUMN_VALIDITY);
    if (validity != 0) compactBits(validity, kept);
  }
  const watermarks = <usize>load<u32>(batch, BATCH_WATERMARKS);
  if (watermarks != 0) compact8(watermarks, kept);
  const weights = <usize>load<u32>(batch, BATCH_WEIGHTS);
  if (weights != 0) compact1(weights, kept);
}

@inline
function rowAt(place: u32): usize {
  return <usize>load<u32>(<usize>SCRATCH + (<usize>place << 2));
}

function listRows(selection: usize, rows: u32): void {
  let to: usize = SCRATCH;
  for (let first: u32 = 0; first < rows; first += 64) {
    let word = load<u64>(selection + <usize>(first >> 3));
    while (word != 0) {
      store<u32>(to, first + <u32>ctz<u64>(word));
      to += 4;
      word &= word - 1;
    }
  }
}

function compact16(data: usize, kept: u32): void {
  for (let place: u32 = 0; place < kept; place++) {
    v128.store(data + (<usize>place << 4), v128.load(data + (rowAt(place) << 4)));
  }
}

function compact8(data: usize, kept: u32): void {
  for (let place: u32 = 0; place < kept; place++) {
    store<u64>(data + (<usize>place << 3), load<u64>(data + (rowAt(place) << 3)));
  }
}

function compact1(data: usize, kept: u32): void {
  for (let place: u32 = 0; place < kept; place++) store<u8>(data + <usize>place, load<u8>(data + rowAt(place)));
}

/** Byte by byte: the eight bits of a byte are read before it is written. The last byte is zero beyond the rows. */
function compactBits(bits: usize, kept: u32): void {
  for (let first: u32 = 0; first < kept; first += 8) {
    const end = min<u32>(first + 8, kept);
    let byte: u32 = 0;
    for (let place = first; place < end; place++) {
      const row = rowAt(place);
      byte |= ((<u32>load<u8>(bits + (row >> 3)) >> <u32>(row & 7)) & 1) << (place & 7);
    }
    store<u8>(bits + <usize>(first >> 3), <u8>byte);
  }
}
