// The bytecode of expressions, shared by the interpreter here and the compiler in src/expression.
// Only `export const NAME: i32 = literal` lines, as in ../abi.ts. Offsets in bytes, little-endian.
//
// A program runs over a batch in passes of PASS_ROWS rows, instruction by instruction, each over all rows of the pass.
//
//   program       PROGRAM_*      header
//   instructions  INSTRUCTION_*  one after the other
//   slots         SLOT_*         what instructions read and write, by number:
//                                  column    of the input batch; its addresses move on with each pass
//                                  literal   PASS_ROWS equal values, never written
//                                  register  PASS_ROWS values, written by instructions
//
//   slot data: i64, timestamp and f64 8 bytes a row, utf8 16-byte views, bool a bitmap
//   validity: a bitmap, address 0 = every row present
//   Rows beyond the pass's last are garbage in registers, and so is the data of null rows.

export const PASS_ROWS: i32 = 512;
export const PASS_BITMAP_BYTES: i32 = 64;

export const PROGRAM_INPUT: i32 = 0; // u32 batch descriptor
export const PROGRAM_OUTPUT: i32 = 4; // u32 batch descriptor, 0 = none
export const PROGRAM_INSTRUCTIONS: i32 = 8; // u32 address
export const PROGRAM_INSTRUCTION_COUNT: i32 = 12; // u32
export const PROGRAM_SLOTS: i32 = 16; // u32 address
export const PROGRAM_SLOT_COUNT: i32 = 20; // u32
export const PROGRAM_SELECTION: i32 = 24; // u32 address of a bitmap over the whole batch, 0 = none
export const PROGRAM_SELECTED: i32 = 28; // u32 out: bits set in the selection
export const PROGRAM_FAILED_STATUS: i32 = 32; // u32 out: STATUS_*
export const PROGRAM_FAILED_ROW: i32 = 36; // u32 out: the first row that fails
export const PROGRAM_FAILED_INSTRUCTION: i32 = 40; // u32 out: number of the first instruction that fails for that row
export const PROGRAM_BYTES: i32 = 48;

export const SLOT_DATA: i32 = 0; // u32 address
export const SLOT_VALIDITY: i32 = 4; // u32 address, 0 = every row present
export const SLOT_VALIDITY_BUFFER: i32 = 8; // u32 address of a register's own bitmap
export const SLOT_COLUMN: i32 = 12; // u32: 0 = literal or register, else position of the input column + 1
export const SLOT_BYTES: i32 = 16;

export const INSTRUCTION_OP: i32 = 0; // u32 OP_*
export const INSTRUCTION_OUT: i32 = 4; // u32 slot; for OP_STORE_* the position of the output column
export const INSTRUCTION_A: i32 = 8; // u32 slot
export const INSTRUCTION_B: i32 = 12; // u32 slot
export const INSTRUCTION_C: i32 = 16; // u32 slot
export const INSTRUCTION_MASK: i32 = 20; // u32 slot + 1 of a bitmap: rows whose failure counts; 0 = all
export const INSTRUCTION_BYTES: i32 = 24;

// bool of two values of one type; greater-than is less-than with its arguments swapped
export const OP_EQ_I64: i32 = 1;
export const OP_NE_I64: i32 = 2;
export const OP_LT_I64: i32 = 3;
export const OP_LE_I64: i32 = 4;
export const OP_EQ_F64: i32 = 5;
export const OP_NE_F64: i32 = 6;
export const OP_LT_F64: i32 = 7;
export const OP_LE_F64: i32 = 8;
export const OP_EQ_TEXT: i32 = 9;
export const OP_NE_TEXT: i32 = 10;
export const OP_LT_TEXT: i32 = 11;
export const OP_LE_TEXT: i32 = 12;
export const OP_EQ_BOOL: i32 = 13;
export const OP_NE_BOOL: i32 = 14;

// SQL's three-valued logic
export const OP_AND: i32 = 20;
export const OP_OR: i32 = 21;
export const OP_NOT: i32 = 22;
export const OP_IS_NULL: i32 = 23;
export const OP_IS_NOT_NULL: i32 = 24;

// checked: STATUS_OVERFLOW, STATUS_DIVISION_BY_ZERO
export const OP_ADD_I64: i32 = 30;
export const OP_SUB_I64: i32 = 31;
export const OP_MUL_I64: i32 = 32;
export const OP_DIV_I64: i32 = 33;
export const OP_MOD_I64: i32 = 34;
export const OP_NEG_I64: i32 = 35;
// IEEE 754
export const OP_ADD_F64: i32 = 40;
export const OP_SUB_F64: i32 = 41;
export const OP_MUL_F64: i32 = 42;
export const OP_DIV_F64: i32 = 43;
export const OP_MOD_F64: i32 = 44;
export const OP_NEG_F64: i32 = 45;

export const OP_I64_TO_F64: i32 = 50;
export const OP_F64_TO_I64: i32 = 51; // checked: STATUS_OVERFLOW
export const OP_BOOL_TO_I64: i32 = 52;
export const OP_BOOL_TO_F64: i32 = 53;
export const OP_LENGTH: i32 = 54;

// A where the bool C is true, else B
export const OP_IF_8: i32 = 60;
export const OP_IF_16: i32 = 61;
export const OP_IF_BOOL: i32 = 62;
// A where it is present, else B
export const OP_COALESCE_8: i32 = 63;
export const OP_COALESCE_16: i32 = 64;
export const OP_COALESCE_BOOL: i32 = 65;

// bitmaps for INSTRUCTION_MASK: rows of the mask for which A is …
export const OP_MASK_TRUE: i32 = 70;
export const OP_MASK_NOT_TRUE: i32 = 71;
export const OP_MASK_NOT_FALSE: i32 = 72;
export const OP_MASK_NULL: i32 = 73;

// A into an output column
export const OP_STORE_I64: i32 = 80;
export const OP_STORE_F64: i32 = 81;
export const OP_STORE_TEXT: i32 = 82;
export const OP_STORE_BOOL: i32 = 83;
// rows for which the bool A is true into the selection
export const OP_SELECT: i32 = 84;
