// Memory of a join: two sides, each a keyed table (kernels/table/layout.ts) whose panes are buckets of time, so that
// what is too old to join goes pane by pane, at once. An entry is a key; its rows hang from it in a list.
//
//   join ── side (left, right) ── table ── pane ── entries: | key 8 or 16 | epoch 0 | hash | first row u32 | 0 |
//                                           │
//                                           ├ row slots, in chunks: | next u32 | end u32 | bytes u32 | 0 | slot | slot | …
//                                           └ marks: addresses of changed row slots, by epoch
//
//   slot | next u32 | previous u32 | epoch u32 | hash u32 | number u64 | time i64 |
//          nulls u64 (where a column is nullable) | text u32, text bytes u32 (where a column is text) | values, 8 or 16 each |
//
//   previous  of a row in a list: the row before it, or for the first, where its entry holds the list, + 1
//             SLOT_DEAD: taken back, kept until a completed checkpoint knows it; SLOT_FREE: to use again
//   text      one block with all texts of the row that are longer than 12 bytes
//   number    distinguishes rows of one key group; state rows are found by it again
//
// Invariants:
// - A row's list is that of its key in the pane of its own time; new rows come first.
// - A slot that is in use with epoch e > 0 stands in a mark block of epoch e of its pane, unless `completed(>= e)`
//   freed the block. A free slot keeps its epoch, so that one epoch never marks a slot twice.
// - The table's own groups are not the key groups but few shards of its indexes: buckets of time may be many, and each
//   would have a record a key group. Key groups follow from the slots' hashes.
// - A row that comes and goes within one epoch leaves nothing behind: no checkpoint has seen it.

import { JOIN_NEVER_NULL, JOIN_NO_COLUMN, JOIN_SLOT_TIME } from "./abi";

export const SLOT_NEXT: usize = 0;
export const SLOT_PREVIOUS: usize = 4;
export const SLOT_EPOCH: usize = 8;
export const SLOT_HASH: usize = 12;
export const SLOT_NUMBER: usize = 16; // u64
export const SLOT_TIME: usize = <usize>JOIN_SLOT_TIME; // i64
export const SLOT_IS_FIRST: u32 = 1;
export const SLOT_DEAD: u32 = 2;
export const SLOT_FREE: u32 = 6;
export const SLOT_UNLISTED: u32 = 2; // the bit that no address has

export const ROWS_CHUNK_NEXT: usize = 0;
export const ROWS_CHUNK_END: usize = 4; // one past the last slot that fits
export const ROWS_CHUNK_BYTES: usize = 8;
export const ROWS_CHUNK_HEADER: u32 = 16;
export const ROWS_CHUNK_BYTES_MIN: u32 = 256;
export const ROWS_CHUNK_BYTES_MAX: u32 = 65536;

export const NO_COLUMN: u32 = <u32>JOIN_NO_COLUMN;
export const NEVER_NULL: u32 = <u32>JOIN_NEVER_NULL;

export const SIDE_TABLE: usize = 0;
export const SIDE_TIME_COLUMN: usize = 4; // of the input; NO_COLUMN = rows get the wall time of their arrival
export const SIDE_SLOT_BYTES: usize = 8;
export const SIDE_NULLS_AT: usize = 12; // 0 = no column is nullable
export const SIDE_TEXT_AT: usize = 16; // 0 = no column is text
export const SIDE_COLUMN_COUNT: usize = 20;
export const SIDE_ROWS: usize = 24; // u32 rows held
export const SIDE_TEXT_BYTES: usize = 28; // u32 bytes of long texts held
export const SIDE_CUTOFF: usize = 32; // i64, rows with an earlier time are dead
export const SIDE_LOW: usize = 40; // i64, the other row's time is at least this much above the own
export const SIDE_HIGH: usize = 48; // i64, and at most this much
export const SIDE_NUMBERS: usize = 56; // u64 next number a key group
export const SIDE_PROBE_ROWS: usize = 60; // u32 row numbers of the batch that look for partners
export const SIDE_BATCH_ROWS: usize = 64; // u32 capacity of that list
export const SIDE_PROBE_COUNT: usize = 68; // its length
export const SIDE_PROBE_FIRST: usize = 72; // where the current part of it begins
export const SIDE_PROBE_PART: usize = 76; // rows of the current part
export const SIDE_PROBE_ROUND: usize = 80; // the how manieth bucket of each row is being looked at
export const SIDE_PROBE_ROUNDS: usize = 84;
export const SIDE_PROBE_AT: usize = 88; // place in the current part
export const SIDE_PROBE_SLOT: usize = 92; // next row of the other side's list; 0 = on to the next place
export const SIDE_MAP: usize = 100; // while state is restored: u32 slot addresses by key group and number
export const SIDE_MAP_SLOTS: usize = 104; // a power of two
export const SIDE_MAP_USED: usize = 108; // those not 0
export const SIDE_MAX_PARALLELISM: usize = 112;
export const SIDE_GROUP_START: usize = 116;
export const SIDE_GROUP_COUNT: usize = 120;
export const SIDE_CHANGED: usize = 132; // slots to be gathered, in key group order
export const SIDE_CHANGED_BYTES: usize = 136;
export const SIDE_CHANGED_COUNT: usize = 140;
export const SIDE_CHANGED_NEXT: usize = 144;
export const SIDE_TOUCHED: usize = 148; // means nothing: what was read ahead goes there
export const SIDE_COLUMNS: usize = 256; // 64 x {input column, type, place in the slot, bit in nulls}
export const SIDE_HASHES: usize = 1280; // what is known of the current part's rows, 512 u32 each:
export const SIDE_FIRST_ROWS: usize = 3328; // first row of the key in the bucket of this round; 0 = none
export const SIDE_BUCKETS: usize = 5376; // count of buckets to look at
export const SIDE_STARTS: usize = 7424; // 512 x i64, start of the first of them
export const SIDE_KEYS: usize = 11520; // 512 x 16
export const SIDE_BYTES: u32 = 19712;

export const TABLE_SHARDS: u32 = 8;

export const JOIN_LEFT: usize = 0;
export const JOIN_RIGHT: usize = 4;
export const JOIN_OUTPUT_COUNT: usize = 8;
export const JOIN_OUTPUTS: usize = 16; // 64 x {side 0 or 1, input column, type, place in the slot, bit in nulls, 0, 0, 0}
export const JOIN_OUTPUT_SHIFT: u32 = 5;
export const JOIN_BYTES: u32 = 2064;

// One pass's slots and one output batch's matches, in the kernels' scratch beside that of kernels/table/layout.ts.
export const PASS_SLOTS: usize = 17408; // u32 each
export const MATCH_SLOTS: usize = 32768; // 4096 x u32 row of the other side
export const MATCH_ROWS: usize = 49152; // 4096 x u32 row of the batch
export const MATCHES_MAX: u32 = 4096;
