// What the NDJSON scanner and its host class share: the context block, its lists, and the reason codes.
// Same rules as `../abi.ts`: only `export const NAME: i32 = literal`, compiled into both sides.
//
// Memory of one decoder (every block is allocated by the host and lives as long as the decoder):
//
//   context    NDJSON_* below, then one NDJSON_COLUMN_* record a column
//   input      16 bytes of padding | bytes read and not yet decoded | 64 bytes of padding
//   arena      16 bytes of padding | strings that had escapes, unescaped | 16 bytes of padding   (allocated at first use)
//   gaps       512 u32 hash slots, then GAP_COUNT_MAX records of GAP_BYTES: the texts learned between two values
//   rejects    REJECTS_MAX records: u32 line start, line end, reason code, column, position
//   patches    PATCHES_MAX records: u32 row, column, address, length of a number the host has to convert
//   powers     10^0 .. 10^22 as f64, then 128-bit powers of five for q = -342 .. 308 (see `number.ts`)

export const NDJSON_AT: i32 = 0; // u32, address of the next line
export const NDJSON_END: i32 = 4; // u32, address behind the last line feed that has been read
export const NDJSON_BATCH: i32 = 8; // u32, batch descriptor
export const NDJSON_ROW: i32 = 12; // u32, next row to fill
export const NDJSON_ROWS_MAX: i32 = 16; // u32
export const NDJSON_STOP: i32 = 20; // u32, STOP_*: why the call returned
export const NDJSON_ARENA_AT: i32 = 24; // u32, first free byte of the arena
export const NDJSON_ARENA_END: i32 = 28; // u32
export const NDJSON_REJECTS: i32 = 32; // u32, address of the list
export const NDJSON_REJECT_COUNT: i32 = 36; // u32
export const NDJSON_PATCHES: i32 = 40; // u32, address of the list
export const NDJSON_PATCH_COUNT: i32 = 44; // u32
export const NDJSON_NULLED: i32 = 48; // u64, one bit a column: a null was stored in this batch
export const NDJSON_ALL: i32 = 56; // u64, one bit a column that exists
export const NDJSON_GAPS: i32 = 64; // u32, address
export const NDJSON_GAP_COUNT: i32 = 68; // u32, records in use; 0 = not yet set up
export const NDJSON_POWERS: i32 = 72; // u32, address; needed only where a column is f64
export const NDJSON_LINE_BYTES_MAX: i32 = 76; // u32
export const NDJSON_DEPTH_MAX: i32 = 80; // u32, at most 64: the nesting of a line is kept in one u64
export const NDJSON_NAME_BYTES_MAX: i32 = 84; // u32, length of the longest column name
export const NDJSON_COLUMN_0: i32 = 96;

export const NDJSON_COLUMN_NAME: i32 = 0; // u32, address of the name's UTF-8 bytes
export const NDJSON_COLUMN_NAME_BYTES: i32 = 4; // u32
export const NDJSON_COLUMN_NULLABLE: i32 = 8; // u32, 0 or 1
export const NDJSON_COLUMN_REASON: i32 = 12; // u32, why the value of the current line does not fit
export const NDJSON_COLUMN_BYTES: i32 = 16;

export const STOP_INPUT: i32 = 0; // every complete line has been decoded
export const STOP_ROWS: i32 = 1; // ROWS_MAX rows are filled
export const STOP_LISTS: i32 = 2; // rejects or patches are full: empty them and call again
export const STOP_ARENA: i32 = 3; // the next line's unescaped strings do not fit the arena

export const REJECT_BYTES: i32 = 20;
export const REJECTS_MAX: i32 = 256;
export const PATCH_BYTES: i32 = 16;
export const PATCHES_MAX: i32 = 512; // more than one row can have, so that an emptied list always suffices

export const GAP_SLOTS: i32 = 512; // power of two, more than twice GAP_COUNT_MAX
export const GAP_COUNT_MAX: i32 = 240;
export const GAP_BYTES: i32 = 128;
export const GAP_TEXT_MAX: i32 = 64;

export const KEY_BYTES_MAX: i32 = 1024; // of a column's name in UTF-8: an escaped key is unescaped in scratch memory

export const REASON_STRUCTURE: i32 = 1; // something else stands where this byte is
export const REASON_CONTROL: i32 = 2; // a raw control character in a string
export const REASON_ESCAPE: i32 = 3; // an escape sequence that JSON does not have
export const REASON_UTF8: i32 = 4; // bytes that are not UTF-8
export const REASON_NUMBER: i32 = 5; // a number that JSON does not allow
export const REASON_LITERAL: i32 = 6; // neither true, false nor null
export const REASON_DEPTH: i32 = 7; // nested deeper than DEPTH_MAX
export const REASON_NOT_OBJECT: i32 = 8; // valid JSON, but not an object
export const REASON_LINE_TOO_LONG: i32 = 9;
export const REASON_MISSING: i32 = 10; // from here on a column belongs to the reason
export const REASON_NULL: i32 = 11;
export const REASON_TYPE: i32 = 12;
export const REASON_NOT_INTEGER: i32 = 13;
export const REASON_INT64_RANGE: i32 = 14;
export const REASON_TIME: i32 = 15;
