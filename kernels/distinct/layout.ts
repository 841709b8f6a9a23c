// Sets of different values, one set a key and window: what count_distinct keeps.
//
//   sets ── main: the table of windows whose entries own the sets
//     └── table: a table of kernels/table with the same panes, one entry a different value of one owner:
//
//   entry    | key 16 | 0 | hash u32 | 1 u64 |
//   key      number, timestamp or bool:  | value 8 | owner's address u32 | 0 |
//            text:                       a view of | owner's address u32 | 0 | the text's bytes |
//
// The owner counts its set in a slot of its own entry, so that a result is read as any other.
//
// Invariants:
// - A value's hash has its owner's key group, so that state is handed out and taken in by the group of the key.
// - Entries never change once made, so each is marked once, in the epoch that made it.
// - f64: all NaN are one value, and so are 0 and -0, as SQL compares them.

export const SETS_MAIN: usize = 0;
export const SETS_TABLE: usize = 4;
export const SETS_COLUMN: usize = 8; // of the input
export const SETS_TYPE: usize = 12;
export const SETS_AT: usize = 16; // of the slot in the owner's entry
export const SETS_STAGING: usize = 20;
export const SETS_STAGING_BYTES: usize = 24;
export const SETS_BYTES: u32 = 32;

export const VALUE_AT: usize = 24; // u64 behind key, epoch and hash: 0 = the entry was made just now

// Scratch beyond that of kernels/table, 512 x u32 each.
export const LIST_ROWS: usize = 98304;
export const LIST_PANES: usize = 100352;
export const LIST_OWNERS: usize = 102400;
export const LIST_SET_PANES: usize = 104448;
export const LIST_ENTRIES: usize = 106496;
export const LIST_MORE: usize = 108544;
