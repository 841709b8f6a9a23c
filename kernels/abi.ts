// The one source of the binary interface between kernels and host: this file is compiled into both sides.
// Only `export const NAME: i32 = literal` lines, so that AssemblyScript and TypeScript both take it.
//
// Linear memory, layout version 1 (all little-endian, all offsets in bytes):
//
//   OFFSET      SIZE    DESCRIPTION
//   0           256     control block (CONTROL_*)
//   256         128     allocator: one u32 free-list head per size class 2^0 .. 2^31
//   1024        130048  scratch of one kernel pass (SCRATCH_*); meaningless between calls
//   131072      …       heap, handed out by mr_alloc
//
// A column in memory:
//   i64, timestamp   8 bytes a row
//   f64              8 bytes a row
//   bool             bitmap, least significant bit first
//   utf8             16-byte views (Arrow Utf8View): u32 length, then
//                      length <= 12: the bytes, zero padded
//                      length  > 12: 4-byte prefix, u32 zero, u32 absolute address of the bytes
//   validity         bitmap, bit set = present; address 0 = every row present
//
// A batch descriptor (BATCH_*): 16 bytes, then one 16-byte column descriptor (COLUMN_*) a column.

export const ABI_VERSION: i32 = 1;

export const CONTROL_VERSION: i32 = 0; // u32, ABI_VERSION once mr_init has run
export const CONTROL_STATUS: i32 = 4; // u32, STATUS_* of the last call
export const CONTROL_DETAIL: i32 = 8; // u32, a row or byte position that belongs to the status
export const CONTROL_HEAP_NEXT: i32 = 12; // u32, first address never handed out
export const CONTROL_HEAP_LIMIT: i32 = 16; // u32, the budget: mr_alloc never hands out an address at or above it
export const CONTROL_HEAP_USED: i32 = 20; // u32, bytes handed out and not freed
export const CONTROL_ROWS_AGGREGATED: i32 = 24; // u64, rows that a table kernel has folded into state
export const CONTROL_ROWS_SCANNED: i32 = 32; // u64, lines that the NDJSON scanner has accepted

export const FREE_LISTS: i32 = 256;
export const SCRATCH: i32 = 1024;
export const SCRATCH_BYTES: i32 = 130048;
export const HEAP_START: i32 = 131072;

export const STATUS_OK: i32 = 0;
export const STATUS_OUT_OF_MEMORY: i32 = 1; // the budget is used up; DETAIL = first row not handled
export const STATUS_OVERFLOW: i32 = 2; // a 64-bit integer result left its range; DETAIL = row
export const STATUS_DIVISION_BY_ZERO: i32 = 3; // DETAIL = row
export const STATUS_BAD_PROGRAM: i32 = 4; // bytecode that the host's compiler must never produce
export const STATUS_TIMESTAMP_RANGE: i32 = 5; // the row's window would leave the range of i64; DETAIL = row
export const STATUS_BAD_STATE: i32 = 6; // a state row that no table can have written; DETAIL = row
export const STATUS_FOREIGN_KEY_GROUP: i32 = 7; // a row was routed to a task that does not own its key group; DETAIL = row

export const TYPE_I64: i32 = 1;
export const TYPE_F64: i32 = 2;
export const TYPE_BOOL: i32 = 3;
export const TYPE_UTF8: i32 = 4;
export const TYPE_TIMESTAMP: i32 = 5;

export const BATCH_ROWS: i32 = 0; // u32
export const BATCH_COLUMNS: i32 = 4; // u32
export const BATCH_WATERMARKS: i32 = 8; // u32 address of one i64 a row: the watermark of the row's split just before the row; 0 = none
export const BATCH_WEIGHTS: i32 = 12; // u32 address of one i8 a row; 0 = all +1
export const BATCH_COLUMN_0: i32 = 16;

export const COLUMN_TYPE: i32 = 0; // u32 TYPE_*
export const COLUMN_DATA: i32 = 4; // u32 address
export const COLUMN_VALIDITY: i32 = 8; // u32 address; 0 = every row present
export const COLUMN_VALIDITY_BUFFER: i32 = 12; // u32 address of the column's own bitmap, used when VALIDITY is not 0
export const COLUMN_BYTES: i32 = 16;

export const VIEW_BYTES: i32 = 16;
export const VIEW_INLINE_MAX: i32 = 12;
