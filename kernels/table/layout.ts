// Memory of a keyed table with panes (one pane a live window), all of it from mr_alloc, nothing ever moved:
//
//   table ──first── pane ──next── pane …          ascending window start; the head is dropped when it has fired
//                    │
//                    ├ groups: one GROUP record of 32 bytes a key group of the table's range
//                    │    ├ index: buckets of 64 bytes, derived from the entries and never persisted
//                    │    │    | 12 x u32 entry address | 12 x u8 tag, 0 = empty | u32 0 |
//                    │    └ chunks of entries: | next u32 | end u32 | bytes u32 | 0 | entry | entry | …
//                    ├ marks: blocks of changed entries' addresses, ascending epoch
//                    │         | next u32 | epoch u32 | bytes u32 | end u32 | entry address u32 …
//                    ├ dense: one u32 slot a key value of [base, base + span), 0 = no entry, and one 0 behind them
//                    │         (keys of 8 bytes only; derived, never persisted; dense.ts)
//                    └ keys:  chunks with the bytes of keys longer than 12: | next u32 | bytes u32 | 0 | 0 | bytes …
//
//   entry    | key 8 or 16 | epoch u32 | hash u32 | rows u64 | accumulators, 8 bytes each |
//   key      8 bytes: the value of one non-null i64, timestamp or bool column
//           16 bytes: {value, is null}, or a text view whose long bytes are the pane's
//
// Invariants:
// - An entry's address is stable until its pane is dropped, and marks live in the pane: none dangles.
// - An entry with epoch e > 0 stands in a mark block of epoch e of its pane, unless `completed(>= e)` freed it.
// - An untouched group has no memory: its index is the table's one empty bucket; a pane without dense keys has span 0
//   and that bucket's first word as its one slot.
// - An entry whose key is in its pane's dense range is found by the range alone, any other by its group's index alone.
// - Every allocation of an insertion is made before the first write of it.

export const GROUP_INDEX: usize = 0; // u32 address of the first bucket
export const GROUP_MASK: usize = 4; // u32 bytes of the index - 64
export const GROUP_COUNT: usize = 8; // u32 entries in the index
export const GROUP_GROW_AT: usize = 12; // u32 count at which the index must grow first
export const GROUP_NEXT: usize = 16; // u32 address of the next new entry
export const GROUP_END: usize = 20; // u32 address where the last chunk has no room for another entry
export const GROUP_FIRST_CHUNK: usize = 24;
export const GROUP_LAST_CHUNK: usize = 28;
export const GROUP_SHIFT: u32 = 5;

export const BUCKET_BYTES: u32 = 64;
export const BUCKET_SHIFT: u32 = 6;
export const BUCKET_TAGS: usize = 48;
export const BUCKET_SLOTS: i32 = 0xfff; // one bit a slot; tags beyond are 0 and never looked for
export const BUCKET_NONE: i32 = 0x8000; // slot 15 reads as address 0
export const BUCKET_LOAD: u32 = 8; // entries a bucket on average before the index grows

export const CHUNK_NEXT: usize = 0;
export const CHUNK_END: usize = 4;
export const CHUNK_BYTES: usize = 8;
export const CHUNK_HEADER: u32 = 16;
export const CHUNK_BYTES_MIN: u32 = 128;
export const CHUNK_BYTES_MAX: u32 = 65536;

export const MARKS_NEXT: usize = 0;
export const MARKS_EPOCH: usize = 4;
export const MARKS_BYTES: usize = 8;
export const MARKS_END: usize = 12;
export const MARKS_HEADER: u32 = 16;

export const KEYS_NEXT: usize = 0;
export const KEYS_BYTES: usize = 4;
export const KEYS_HEADER: u32 = 16;
export const KEYS_BYTES_MIN: u32 = 256;
export const KEYS_BYTES_MAX: u32 = 65536;

export const PANE_START: usize = 0; // i64
export const PANE_END: usize = 8; // i64
export const PANE_GROUPS: usize = 16;
export const PANE_PREVIOUS: usize = 20;
export const PANE_NEXT: usize = 24;
export const PANE_ENTRIES: usize = 28;
export const PANE_MARKS_FIRST: usize = 32;
export const PANE_MARKS_LAST: usize = 36;
export const PANE_MARK_NEXT: usize = 40;
export const PANE_MARK_END: usize = 44;
export const PANE_MARK_EPOCH: usize = 48; // u32 epoch of the last mark block
export const PANE_KEYS_LAST: usize = 52;
export const PANE_KEY_NEXT: usize = 56;
export const PANE_KEY_END: usize = 60;
export const PANE_KEY_BYTES: usize = 64; // u32 bytes of long keys held
export const PANE_DENSE: usize = 68; // address of the first slot
export const PANE_DENSE_BASE: usize = 72; // u64, key value of the first slot
export const PANE_DENSE_SPAN: usize = 80; // u64 slots, without the 0 behind them
export const PANE_INDEXED: usize = 88; // u32 entries with a key of 8 bytes outside of the dense range
export const PANE_CHECK_AT: usize = 92; // u32 such entries at which a new range is considered
export const PANE_KEY_MIN: usize = 96; // i64, of keys of 8 bytes
export const PANE_KEY_MAX: usize = 104; // i64
// Rows that are kept one by one behind the entries; joins only (kernels/join/layout.ts).
export const PANE_ROWS_LAST: usize = 112; // newest chunk of row slots
export const PANE_ROWS_NEXT: usize = 116; // address of the next new slot in it
export const PANE_ROWS_FREE: usize = 120; // list of slots to use again
export const PANE_ROWS: usize = 124; // u32 rows held
export const PANE_MISSES: usize = 128; // u32 rows of the last pass over dense keys whose entry was missing or not marked
export const PANE_SLOT_EPOCH: usize = 132; // u32 that the bits of the dense slots speak of
export const PANE_BYTES: u32 = 136;

export const DENSE_SLOTS_MIN: u32 = 64;
export const DENSE_SLOTS_MAX: u32 = 16777216;
export const DENSE_SPAN_FREE: u64 = 1024; // a span that any number of entries may have
export const DENSE_SPREAD: u32 = 2; // log2 of the key values an entry that a larger range may have

export const KEY_FIXED: u32 = 0; // 8 bytes
export const KEY_NULLABLE: u32 = 1; // 16 bytes {value, is null}
export const KEY_TEXT: u32 = 2; // a view of one text column
export const KEY_COMPOSITE: u32 = 3; // a view of several columns' encoded bytes

export const TABLE_SIZE: usize = 0; // i64 window size
export const TABLE_OFFSET: usize = 8; // i64 in [0, size)
export const TABLE_FIRED: usize = 16; // i64 windows ending at or before it are closed for ever
export const TABLE_TIME_COLUMN: usize = 24;
export const TABLE_MAX_PARALLELISM: usize = 28;
export const TABLE_GROUP_START: usize = 32;
export const TABLE_GROUP_COUNT: usize = 36;
export const TABLE_KEY_KIND: usize = 40;
export const TABLE_KEY_COUNT: usize = 44;
export const TABLE_KEY_BYTES: usize = 48; // 8 or 16
export const TABLE_ENTRY_BYTES: usize = 52;
export const TABLE_FOLD_COUNT: usize = 56;
export const TABLE_OUTPUT_COUNT: usize = 60;
export const TABLE_STATE_COUNT: usize = 64;
export const TABLE_FIRST_PANE: usize = 68;
export const TABLE_LAST_PANE: usize = 72;
export const TABLE_CURRENT_PANE: usize = 76; // pane of the last row, 0 = none
export const TABLE_LATE_ROWS: usize = 80; // u32 row numbers of the last batch
export const TABLE_LATE_COUNT: usize = 84;
export const TABLE_LATE_CAPACITY: usize = 88;
export const TABLE_EMPTY_BUCKET: usize = 92;
export const TABLE_ENTRIES: usize = 96;
export const TABLE_LONG_KEY_BYTES: usize = 100;
export const TABLE_STAGING: usize = 104; // encoded composite keys of one pass
export const TABLE_STAGING_BYTES: usize = 108;
export const TABLE_TEMPLATE: usize = 112; // rows and accumulators of a new entry
export const TABLE_CURSOR_PANE: usize = 116; // cursors of fire and of gathering everything
export const TABLE_CURSOR_GROUP: usize = 120;
export const TABLE_CURSOR_CHUNK: usize = 124;
export const TABLE_CURSOR_ENTRY: usize = 128;
export const TABLE_DROP_COUNT: usize = 132; // head panes that are emitted and wait to be dropped
export const TABLE_CHANGED: usize = 136; // gathered {entry, pane} pairs in key group order
export const TABLE_CHANGED_BYTES: usize = 140;
export const TABLE_CHANGED_COUNT: usize = 144;
export const TABLE_CHANGED_NEXT: usize = 148;
export const TABLE_DENSE_SLOTS: usize = 152; // u32 of all panes
export const TABLE_HINT_ENTRIES: usize = 156; // of the pane dropped last: entries, and base and slots of its range
export const TABLE_HINT_BASE: usize = 160; // u64
export const TABLE_HINT_SLOTS: usize = 168;
export const TABLE_CONSTANT: usize = 172; // 1 = entries never change once made: each is marked once, its own epoch stays 0
// The host keeps to the lengths of these lists (src/state/window_plan.ts).
export const TABLE_KEYS: usize = 256; // 16 x {column, type, nullable, 0}
export const TABLE_FOLDS: usize = 512; // 64 x {column, flags, offset, 0}
export const TABLE_OUTPUTS: usize = 1536; // 128 x {operation, offset, count offset, nullable}
export const TABLE_STATES: usize = 3584; // 384 x the same
export const TABLE_PANE_CACHE: usize = 9728; // 1024 x u32 pane, by hash of the window start
export const TABLE_PANE_CACHE_SHIFT: u64 = 54;
export const TABLE_BYTES: u32 = 13824;

export const FOLD_SUM: u32 = 1;
export const FOLD_MIN: u32 = 2;
export const FOLD_MAX: u32 = 4;
export const FOLD_FLOAT: u32 = 8;
export const FOLD_NULLABLE: u32 = 16; // the fold begins with its own count of present values

export const COPY: u32 = 0;
export const COUNT: u32 = 1;
export const ORDERED_FLOAT: u32 = 2; // an f64 kept as an integer of the same order
export const SUM_FLOAT: u32 = 3;
export const AVERAGE_INTEGER: u32 = 4;
export const AVERAGE_FLOAT: u32 = 5;

// One pass handles up to 512 rows; its temporaries lie in the kernels' scratch (from 1024).
export const PASS_ROWS: u32 = 512;
export const PASS_KEYS: usize = 1024; // 512 x 16
export const PASS_HASHES: usize = 9216; // u32 each from here
export const PASS_ENTRIES: usize = 11264;
export const PASS_ROW_NUMBERS: usize = 13312;
export const PASS_PANES: usize = 15360;
export const PASS_VALUES: usize = 17408; // 512 x 8
export const PASS_PRESENT_ENTRIES: usize = 21504;
export const PASS_PRESENT_ROWS: usize = 23552;
export const PASS_TAGS: usize = 25600; // u32 each, the tag in the low byte
export const PASS_GROUPS: usize = 27648; // u32 each, bytes from the pane's first group
export const PASS_MISSES: usize = 29696; // u32 each, places in the pass
export const PASS_KEYS_AT: usize = 31744; // u32 address of the pass's keys: PASS_KEYS, or the column that has their form
export const PASS_WATERMARKS: usize = 65536; // 512 x 8; behind what fills output batches, because less is free before it

// What stands for the watermarks of a batch's rows (window/watermarks.ts):
//   | bound ms i64 | largest event time before the batch i64 | least i64, largest i64 event time of the first pass | …
export const TIMES_BOUND: usize = 0;
export const TIMES_LATEST: usize = 8;
export const TIMES_PASSES: usize = 16;
export const TIMES_PASS_BYTES: usize = 16;
export const TIMES_MIN: usize = 0;
export const TIMES_MAX: usize = 8;

// One output batch: which entry and which pane each row is.
export const OUT_ROWS_MAX: u32 = 4096;
export const OUT_ENTRIES: usize = 32768;
export const OUT_PANES: usize = 49152;
