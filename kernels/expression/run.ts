// The interpreter: runs a program over a batch, pass by pass, instruction by instruction.

import {
  BATCH_COLUMN_0,
  BATCH_ROWS,
  BATCH_WATERMARKS,
  BATCH_WEIGHTS,
  COLUMN_BYTES,
  COLUMN_DATA,
  COLUMN_TYPE,
  COLUMN_VALIDITY,
  CONTROL_DETAIL,
  CONTROL_STATUS,
  STATUS_BAD_PROGRAM,
  STATUS_OK,
  TYPE_BOOL,
  TYPE_UTF8,
} from "../abi";
import { compactBatch } from "../select/compact";
import * as arithmetic from "./arithmetic";
import * as choose from "./choose";
import * as compare from "./compare";
import * as op from "./layout";
import {
  INSTRUCTION_BYTES,
  INSTRUCTION_OP,
  PASS_ROWS,
  PROGRAM_FAILED_ROW,
  PROGRAM_FAILED_STATUS,
  PROGRAM_INPUT,
  PROGRAM_INSTRUCTION_COUNT,
  PROGRAM_INSTRUCTIONS,
  PROGRAM_OUTPUT,
  PROGRAM_SELECTED,
  PROGRAM_SELECTION,
  PROGRAM_SLOT_COUNT,
  PROGRAM_SLOTS,
  SLOT_BYTES,
  SLOT_COLUMN,
  SLOT_DATA,
  SLOT_VALIDITY,
} from "./layout";
import * as logic from "./logic";
import * as result from "./store";
import { fail } from "./slot";

const ALL: u64 = <u64>-1;

/** Points the column slots at the pass that begins at row `start`, a multiple of PASS_ROWS. */
function bindColumns(program: usize, start: u32): void {
  const input = <usize>load<u32>(program, PROGRAM_INPUT);
  const count = load<u32>(program, PROGRAM_SLOT_COUNT);
  let slot = <usize>load<u32>(program, PROGRAM_SLOTS);
  for (let index: u32 = 0; index < count; index++, slot += SLOT_BYTES) {
    const position = load<u32>(slot, SLOT_COLUMN);
    if (position == 0) continue;
    const column = input + BATCH_COLUMN_0 + <usize>(position - 1) * COLUMN_BYTES;
    const type = load<u32>(column, COLUMN_TYPE);
    const offset = type == TYPE_BOOL ? start >> 3 : type == TYPE_UTF8 ? start << 4 : start << 3;
    const validity = load<u32>(column, COLUMN_VALIDITY);
    store<u32>(slot, load<u32>(column, COLUMN_DATA) + offset, SLOT_DATA);
    store<u32>(slot, validity == 0 ? 0 : validity + (start >> 3), SLOT_VALIDITY);
  }
}

/** What belongs to rows and not to columns goes along: their count, watermarks and weights. */
function beginOutput(program: usize): void {
  const output = <usize>load<u32>(program, PROGRAM_OUTPUT);
  if (output == 0) return;
  const input = <usize>load<u32>(program, PROGRAM_INPUT);
  const rows = load<u32>(input, BATCH_ROWS);
  store<u32>(output, rows, BATCH_ROWS);
  const watermarks = load<u32>(input, BATCH_WATERMARKS);
  const weights = load<u32>(input, BATCH_WEIGHTS);
  if (watermarks != 0) memory.copy(<usize>load<u32>(output, BATCH_WATERMARKS), <usize>watermarks, <usize>rows << 3);
  if (weights != 0) memory.copy(<usize>load<u32>(output, BATCH_WEIGHTS), <usize>weights, <usize>rows);
}

function executeLogic(code: u32, program: usize, at: usize, rows: u32): bool {
  switch (code) {
    case op.OP_AND: logic.conjunction(program, at, rows, 0); return true;
    case op.OP_OR: logic.conjunction(program, at, rows, ALL); return true;
    case op.OP_NOT: logic.not(program, at, rows); return true;
    case op.OP_IS_NULL: logic.isPresent(program, at, rows, ALL); return true;
    case op.OP_IS_NOT_NULL: logic.isPresent(program, at, rows, 0); return true;
    case op.OP_MASK_TRUE: logic.maskTrue(program, at, rows); return true;
    case op.OP_MASK_NOT_TRUE: logic.maskNotTrue(program, at, rows); return true;
    case op.OP_MASK_NOT_FALSE: logic.maskNotFalse(program, at, rows); return true;
    case op.OP_MASK_NULL: logic.maskNull(program, at, rows); return true;
    case op.OP_IF_8: choose.if8(program, at, rows); return true;
    case op.OP_IF_16: choose.if16(program, at, rows); return true;
    case op.OP_IF_BOOL: choose.ifBool(program, at, rows); return true;
    case op.OP_COALESCE_8: choose.coalesce8(program, at, rows); return true;
    case op.OP_COALESCE_16: choose.coalesce16(program, at, rows); return true;
    case op.OP_COALESCE_BOOL: choose.coalesceBool(program, at, rows); return true;
  }
  return false;
}

function executeComparison(code: u32, program: usize, at: usize, rows: u32): bool {
  switch (code) {
    case op.OP_EQ_I64: compare.eqI64(program, at, rows); return true;
    case op.OP_NE_I64: compare.neI64(program, at, rows); return true;
    case op.OP_LT_I64: compare.ltI64(program, at, rows); return true;
    case op.OP_LE_I64: compare.leI64(program, at, rows); return true;
    case op.OP_EQ_F64: compare.eqF64(program, at, rows); return true;
    case op.OP_NE_F64: compare.neF64(program, at, rows); return true;
    case op.OP_LT_F64: compare.ltF64(program, at, rows); return true;
    case op.OP_LE_F64: compare.leF64(program, at, rows); return true;
    case op.OP_EQ_TEXT: compare.eqText(program, at, rows); return true;
    case op.OP_NE_TEXT: compare.neText(program, at, rows); return true;
    case op.OP_LT_TEXT: compare.ltText(program, at, rows); return true;
    case op.OP_LE_TEXT: compare.leText(program, at, rows); return true;
    case op.OP_EQ_BOOL: compare.compareBools(program, at, rows, ALL); return true;
    case op.OP_NE_BOOL: compare.compareBools(program, at, rows, 0); return true;
  }
  return false;
}

function executeArithmetic(code: u32, program: usize, at: usize, rows: u32): bool {
  switch (code) {
    case op.OP_ADD_I64: arithmetic.addI64(program, at, rows); return true;
    case op.OP_SUB_I64: arithmetic.subI64(program, at, rows); return true;
    case op.OP_MUL_I64: arithmetic.mulI64(program, at, rows); return true;
    case op.OP_DIV_I64: arithmetic.divI64(program, at, rows); return true;
    case op.OP_MOD_I64: arithmetic.modI64(program, at, rows); return true;
    case op.OP_NEG_I64: arithmetic.negI64(program, at, rows); return true;
    case op.OP_ADD_F64: arithmetic.addF64(program, at, rows); return true;
    case op.OP_SUB_F64: arithmetic.subF64(program, at, rows); return true;
    case op.OP_MUL_F64: arithmetic.mulF64(program, at, rows); return true;
    case op.OP_DIV_F64: arithmetic.divF64(program, at, rows); return true;
    case op.OP_MOD_F64: arithmetic.modF64(program, at, rows); return true;
    case op.OP_NEG_F64: arithmetic.negF64(program, at, rows); return true;
    case op.OP_I64_TO_F64: arithmetic.i64ToF64(program, at, rows); return true;
    case op.OP_F64_TO_I64: arithmetic.f64ToI64(program, at, rows); return true;
    case op.OP_BOOL_TO_I64: arithmetic.boolToI64(program, at, rows); return true;
    case op.OP_BOOL_TO_F64: arithmetic.boolToF64(program, at, rows); return true;
    case op.OP_LENGTH: arithmetic.length(program, at, rows); return true;
  }
  return false;
}

function executeResult(code: u32, program: usize, at: usize, start: u32, rows: u32): bool {
  switch (code) {
    case op.OP_STORE_I64: result.storeI64(program, at, start, rows); return true;
    case op.OP_STORE_F64: result.storeF64(program, at, start, rows); return true;
    case op.OP_STORE_TEXT: result.storeText(program, at, start, rows); return true;
    case op.OP_STORE_BOOL: result.storeBool(program, at, start, rows); return true;
    case op.OP_SELECT: result.selectRows(program, at, start, rows); return true;
  }
  return false;
}

function executePass(program: usize, start: u32, rows: u32): void {
  const count = load<u32>(program, PROGRAM_INSTRUCTION_COUNT);
  let at = <usize>load<u32>(program, PROGRAM_INSTRUCTIONS);
  for (let index: u32 = 0; index < count; index++, at += INSTRUCTION_BYTES) {
    const code = load<u32>(at, INSTRUCTION_OP);
    if (executeArithmetic(code, program, at, rows)) continue;
    if (executeComparison(code, program, at, rows)) continue;
    if (executeLogic(code, program, at, rows)) continue;
    if (executeResult(code, program, at, start, rows)) continue;
    fail(program, at, 0, STATUS_BAD_PROGRAM);
  }
}

/** Runs the program over its input; STATUS and DETAIL say whether and in which row it failed. */
export function mr_expression_run(program: usize): void {
  const rows = load<u32>(<usize>load<u32>(program, PROGRAM_INPUT), BATCH_ROWS);
  store<u32>(program, 0, PROGRAM_SELECTED);
  store<u32>(program, STATUS_OK, PROGRAM_FAILED_STATUS);
  store<u32>(program, 0xffffffff, PROGRAM_FAILED_ROW);
  beginOutput(program);
  for (let start: u32 = 0; start < rows; start += PASS_ROWS) {
    bindColumns(program, start);
    executePass(program, start, min<u32>(PASS_ROWS, rows - start));
    if (load<u32>(program, PROGRAM_FAILED_STATUS) == STATUS_OK) continue;
    store<u32>(program, load<u32>(program, PROGRAM_FAILED_ROW) + start, PROGRAM_FAILED_ROW);
    break;
  }
  store<u32>(CONTROL_STATUS, load<u32>(program, PROGRAM_FAILED_STATUS));
  store<u32>(CONTROL_DETAIL, load<u32>(program, PROGRAM_FAILED_ROW));
}

/** Runs a program that ends in OP_SELECT and keeps the selected rows of its input, in place; returns how many. */
export function mr_filter(program: usize): u32 {
  mr_expression_run(program);
  const input = <usize>load<u32>(program, PROGRAM_INPUT);
  if (load<u32>(CONTROL_STATUS) != STATUS_OK) return load<u32>(input, BATCH_ROWS);
  const kept = load<u32>(program, PROGRAM_SELECTED);
  compactBatch(input, <usize>load<u32>(program, PROGRAM_SELECTION), kept);
  return kept;
}
