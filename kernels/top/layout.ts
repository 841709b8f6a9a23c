// Memory of the best rows of each key: a table of one pane that lives for ever, whose entries lead to lists of rows.
//
//   entry    | key 8 or 16 | 0 u32 | hash u32 | list u32, 0 u32 |
//   list     32 bytes, and an array of row addresses in the order of the rows, dead ones among them
//   row      | node 16 (kernels/changes/list.ts) | list u32 | copies i32 | born u32 | listed u32 | length u32 | bytes … |
//   bytes    the columns that are no keys, first those of the order, then the others (rows.ts): rows compare as bytes
//
// A row is there `copies` times. Of an append-only input the list holds the best `limit` rows, counting copies; of an
// input that takes rows back all rows, and copies may fall below 0 until what was taken back too early arrives.
//
// Invariants:
// - A list is in its entry and has a row; its rows are all different.
// - A row with 0 copies is dead. One that no checkpoint can have seen goes once the batch's results are out; any other
//   stays, as a tombstone, until a checkpoint that holds its end is durable.
// - While a batch is handled no row is freed and no entry moves, so the copies of old lists stay good.

export const TOP_TABLE: usize = 0;
export const TOP_PANE: usize = 4;
export const TOP_CHANGES: usize = 8; // 24 bytes, head of the changes
export const TOP_LIMIT: usize = 32; // u32 rows a key, 1 or more
export const TOP_KEEP_ALL: usize = 36; // u32, 1 = rows may be taken back
export const TOP_RANKED: usize = 40; // u32, 1 = results tell their rank
export const TOP_EPOCH: usize = 44; // u32 of the present batch
export const TOP_BATCH: usize = 48; // u64 number of the present batch
export const TOP_COLUMN_COUNT: usize = 56;
export const TOP_CAPACITY: usize = 60; // u32 rows of a batch of input
export const TOP_TOUCHED: usize = 64; // TOUCHED_* of each list that the batch has touched
export const TOP_TOUCHED_COUNT: usize = 68;
export const TOP_OLD: usize = 72; // rows of those lists as they were, a word a copy
export const TOP_OLD_BYTES: usize = 76;
export const TOP_OLD_USED: usize = 80;
export const TOP_ZEROED: usize = 84; // addresses of rows that fell to 0 copies in the batch
export const TOP_ZEROED_COUNT: usize = 88;
export const TOP_STAGING: usize = 92; // bytes of the present row
export const TOP_STAGING_BYTES: usize = 96;
export const TOP_TEXT: usize = 100; // texts of a batch of results
export const TOP_TEXT_BYTES: usize = 104;
export const TOP_NEW: usize = 108; // rows of the list whose results are due, as it is now
export const TOP_NEW_COUNT: usize = 112; // NOT_BEGUN, or how many
export const TOP_NEXT: usize = 116; // cursor of results: touched list, places in its old and new rows
export const TOP_OLD_AT: usize = 120;
export const TOP_NEW_AT: usize = 124;
export const TOP_ROWS: usize = 128; // u32 rows that are not dead
export const TOP_ROW_BYTES: usize = 132; // u32 bytes of all rows
export const TOP_ALL_GROUP: usize = 136; // cursor of gathering everything
export const TOP_ALL_CHUNK: usize = 140;
export const TOP_ALL_ENTRY: usize = 144;
export const TOP_ALL_ROW: usize = 148;
export const TOP_COLUMNS: usize = 160; // 64 x {column of the input, type, flags, 0}
export const TOP_BYTES: u32 = 1184;

export const NOT_BEGUN: u32 = 0xffffffff;

export const COLUMN_NULLABLE: u32 = 1;
export const COLUMN_DESCENDING: u32 = 2;

export const TOUCHED_LIST: usize = 0;
export const TOUCHED_OLD: usize = 4; // bytes from the beginning of the old rows
export const TOUCHED_OLD_COUNT: usize = 8;
export const TOUCHED_BYTES: u32 = 12;

export const LIST_ENTRY: usize = 0;
export const LIST_ROWS: usize = 4; // u32 address of the array
export const LIST_CAPACITY: usize = 8;
export const LIST_LENGTH: usize = 12;
export const LIST_LIVE: usize = 16; // u32 copies of all rows, of an append-only input
export const LIST_WORST: usize = 20; // u32 last row with a copy, 0 = not known
export const LIST_BATCH: usize = 24; // u64 last batch that touched the list
export const LIST_BYTES: u32 = 32;
export const LIST_CAPACITY_MIN: u32 = 4;

export const ROW_LIST: usize = 16;
export const ROW_COPIES: usize = 20; // i32
export const ROW_BORN: usize = 24; // u32 epoch, 0 = restored
export const ROW_LISTED: usize = 28; // u32, 1 = stands in TOP_ZEROED
export const ROW_LENGTH: usize = 32;
export const ROW_DATA: usize = 36;
/** Fewer bytes are filled up with zeros, so that the first 8 can always be compared at once. */
export const ROW_DATA_MIN: u32 = 8;

// Scratch of one output batch beside OUT_ENTRIES and OUT_WEIGHTS: u32 each.
export const OUT_ROWS: usize = 73728;
export const OUT_RANKS: usize = 90112;
