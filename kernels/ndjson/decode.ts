// NDJSON lines into the columns of a batch: the loop over lines and values.
//
// Invariants:
// - Only complete lines are given: each of them ends with a line feed below END.
// - A line leaves either one row, or one entry in the list of rejects, or (white space only) nothing.
// - What a rejected line has stored is taken back: validity bits, patches and arena bytes; cells are overwritten.
// - The call stops only between two lines, so it can be repeated at AT.

import {
  NDJSON_ALL,
  NDJSON_ARENA_AT,
  NDJSON_AT,
  NDJSON_BATCH,
  NDJSON_COLUMN_0,
  NDJSON_COLUMN_BYTES,
  NDJSON_COLUMN_NULLABLE,
  NDJSON_COLUMN_REASON,
  NDJSON_DEPTH_MAX,
  NDJSON_END,
  NDJSON_GAP_COUNT,
  NDJSON_LINE_BYTES_MAX,
  NDJSON_PATCH_COUNT,
  NDJSON_REJECT_COUNT,
  NDJSON_REJECTS,
  NDJSON_ROW,
  NDJSON_ROWS_MAX,
  NDJSON_STOP,
  REASON_LINE_TOO_LONG,
  REASON_MISSING,
  REJECT_BYTES,
  REJECTS_MAX,
  STOP_ARENA,
  STOP_INPUT,
  STOP_LISTS,
  STOP_ROWS,
} from "./abi";
import {
  BATCH_COLUMN_0,
  COLUMN_BYTES,
  COLUMN_DATA,
  COLUMN_TYPE,
  CONTROL_ROWS_SCANNED,
  TYPE_F64,
  TYPE_I64,
  TYPE_TIMESTAMP,
  TYPE_UTF8,
  VIEW_BYTES,
} from "../abi";
import { BLANK, BYTES, COLUMN, DATA, gapAfter, gapMatches, KIND, KIND_END, KIND_SKIP, NEXT, resetGaps, startGap } from "./gap";
import { integerInto, numberEnd } from "./number";
import { pastSpace, valueEnd } from "./skip";
import { fail, failAt, failReason, stringEnd } from "./text";
import {
  ARENA_SHORT,
  clearMisfits,
  doubleOrPatch,
  forgetValue,
  misfits,
  PATCHES_FULL,
  setBit,
  storeNull,
  textInto,
  validityOf,
  valueInto,
} from "./value";

/** Decodes lines from AT until one of STOP_*; see `abi.ts` for the context block. */
export function mr_ndjson_decode(context: usize): void {
  if (load<u32>(context, NDJSON_GAP_COUNT) == 0) resetGaps(context);
  const end = <usize>load<u32>(context, NDJSON_END);
  const rowsMax = load<u32>(context, NDJSON_ROWS_MAX);
  const lineMax = <usize>load<u32>(context, NDJSON_LINE_BYTES_MAX);
  const rejects = <usize>load<u32>(context, NDJSON_REJECTS);
  const all = load<u64>(context, NDJSON_ALL);
  const nullable = nullableColumns(context);
  const firstRow = load<u32>(context, NDJSON_ROW);
  let rejectCount = load<u32>(context, NDJSON_REJECT_COUNT);
  let row = firstRow;
  let stop: u32 = STOP_INPUT;
  let line = <usize>load<u32>(context, NDJSON_AT);
  while (line < end) {
    if (row == rowsMax) {
      stop = STOP_ROWS;
      break;
    }
    if (rejectCount == REJECTS_MAX) {
      stop = STOP_LISTS;
      break;
    }
    const arena = load<u32>(context, NDJSON_ARENA_AT);
    const patches = load<u32>(context, NDJSON_PATCH_COUNT);
    clearMisfits();
    const next = decodeLine(context, line, row, all, nullable);
    if (next != 0 && next - line - 1 <= lineMax) {
      line = next;
      row++;
      continue;
    }
    const feed = next != 0 ? next - 1 : lineFeedFrom(failAt);
    const tooLong = feed - line > lineMax;
    store<u32>(context, arena, NDJSON_ARENA_AT);
    store<u32>(context, patches, NDJSON_PATCH_COUNT);
    restoreValidity(context, row, nullable);
    if (!tooLong && (failReason == ARENA_SHORT || failReason == PATCHES_FULL)) {
      stop = failReason == ARENA_SHORT ? STOP_ARENA : STOP_LISTS;
      break;
    }
    if (tooLong || failReason != BLANK) {
      const entry = rejects + rejectCount * REJECT_BYTES;
      store<u32>(entry, <u32>line);
      store<u32>(entry, <u32>feed, 4);
      store<u32>(entry, tooLong ? REASON_LINE_TOO_LONG : failReason, 8);
      store<u32>(entry, failColumn, 12);
      store<u32>(entry, <u32>(failAt - line), 16);
      rejectCount++;
    }
    line = feed + 1;
  }
  store<u32>(context, <u32>line, NDJSON_AT);
  store<u32>(context, row, NDJSON_ROW);
  store<u32>(context, rejectCount, NDJSON_REJECT_COUNT);
  store<u32>(context, stop, NDJSON_STOP);
  store<u64>(CONTROL_ROWS_SCANNED, load<u64>(CONTROL_ROWS_SCANNED) + (row - firstRow));
}

/** The column that the last failed line failed for; meaningful for REASON_MISSING and above. */
let failColumn: u32 = 0;

/** Behind the line feed of the line at `at`, whose values are in `row` now; 0 after `fail`. */
function decodeLine(context: usize, at: usize, row: u32, all: u64, nullable: u64): usize {
  let gap = startGap(context);
  let seen: u64 = 0;
  while (true) {
    let next = <usize>load<u32>(gap, NEXT);
    if (!gapMatches(next, at)) {
      next = gapAfter(context, gap, at);
      if (next == 0) return 0;
    }
    gap = next;
    at += <usize>load<u32>(gap, BYTES);
    const kind = load<u32>(gap, KIND);
    if (kind == KIND_END) break;
    if (kind == KIND_SKIP) {
      at = skipValue(context, at);
      if (at == 0) return 0;
      continue;
    }
    const column = load<u32>(gap, COLUMN);
    const bit = (<u64>1) << column;
    if (seen & bit) forgetValue(context, column, row);
    seen |= bit;
    const data = <usize>load<u32>(gap, DATA);
    const byte: u32 = load<u8>(at);
    if (kind == TYPE_UTF8 && byte == 0x22) {
      at = textInto(context, at + 1, data + row * VIEW_BYTES);
    } else if (kind == TYPE_I64 || kind == TYPE_TIMESTAMP) {
      const stop = integerInto(at, data + (row << 3));
      at = stop != 0 ? stop : valueInto(context, gap, at, row, nullable);
    } else if (kind == TYPE_F64 && (byte == 0x2d || byte - 0x30 <= 9)) {
      at = doubleOrPatch(context, at, data, column, row);
    } else {
      at = valueInto(context, gap, at, row, nullable);
    }
    if (at == 0) return 0;
  }
  if (seen == all && misfits == 0) return at;
  return settleRow(context, row, all & ~seen, nullable) ? at : fail(failReason, at - 1);
}

/** Behind a value that no column wants: strings and numbers here, the rest in `valueEnd`. */
@inline
function skipValue(context: usize, at: usize): usize {
  const byte: u32 = load<u8>(at);
  if (byte == 0x22) {
    const end = stringEnd(at + 1);
    return end == 0 ? 0 : end + 1;
  }
  if (byte - 0x30 <= 9) return numberEnd(at);
  return valueEnd(pastSpace(at), 1, load<u32>(context, NDJSON_DEPTH_MAX));
}

/** Fills what is missing with nulls, or fails for the first column that has no fitting value. */
function settleRow(context: usize, row: u32, missing: u64, nullable: u64): bool {
  const wrong = misfits | (missing & ~nullable);
  if (wrong != 0) {
    failColumn = <u32>ctz(wrong);
    const record = context + NDJSON_COLUMN_0 + failColumn * NDJSON_COLUMN_BYTES;
    const misfit = ((misfits >> failColumn) & 1) != 0;
    fail(misfit ? load<u32>(record, NDJSON_COLUMN_REASON) : REASON_MISSING, 0);
    return false;
  }
  while (missing != 0) {
    const column = <u32>ctz(missing);
    missing &= missing - 1;
    const record = <usize>load<u32>(context, NDJSON_BATCH) + BATCH_COLUMN_0 + column * COLUMN_BYTES;
    storeNull(context, load<u32>(record, COLUMN_TYPE), column, <usize>load<u32>(record, COLUMN_DATA), row);
  }
  return true;
}

function nullableColumns(context: usize): u64 {
  let columns: u64 = 0;
  let rest = load<u64>(context, NDJSON_ALL);
  for (let column: u32 = 0; rest != 0; rest >>= 1, column++) {
    const record = context + NDJSON_COLUMN_0 + column * NDJSON_COLUMN_BYTES;
    columns |= (<u64>load<u32>(record, NDJSON_COLUMN_NULLABLE)) << column;
  }
  return columns;
}

/** Sets the validity bits of a row that is given up; every row starts with all of them set. */
function restoreValidity(context: usize, row: u32, nullable: u64): void {
  for (; nullable != 0; nullable &= nullable - 1) setBit(validityOf(context, <u32>ctz(nullable)), row, 1);
}

/** The first line feed at or behind `at`. */
function lineFeedFrom(at: usize): usize {
  while (true) {
    const marks = i8x16.bitmask(i8x16.eq(v128.load(at), i8x16.splat(0x0a)));
    if (marks != 0) return at + ctz(marks);
    at += 16;
  }
}
