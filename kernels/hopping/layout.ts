// Hopping windows: a window of `size` begins every `slide`, and is made of size / slide panes that windows share.
//
//   hop ── panes:  a window table (kernels/window) of panes of `slide`: every row is folded once
//     ├── late:    a window table, also of `slide`; its pane that ends at e holds what reached the window that ends at e
//     │            too late for others that its row lies in: such a row is folded once for each window still open
//     └── blocks:  a table with a pane a block of `size`, aligned as tumbling windows of `size` would be; one entry a key
//
// Windows fire in ascending order. A window is the end of one block and the beginning of the next:
//
//   panes    | a b c d e f | g h i j k l |        size / slide = 6
//   window         [ d e f   g h i ]         = (d + e + f) + (g + h + i)
//
// - The younger block's entry of a key gathers the beginning: pane by pane, as windows reach them.
// - Once a block is complete, each of its panes gets the ends from it on: one record an entry of the pane. So a window
//   costs one addition a key, and a pane's entry is read three times in its life, however many panes a window has.
//
//   block entry | key | 0 | hash | rows, accumulators as in panes | extra: head u32 | peer u32 | late u32 | 0 |
//               | excluded u64 | late values u64 | … (one pair a counted set)
//     head   of the older block: the record of the first pane not yet left that has the key, 0 = none
//     peer   the key's entry in the other block, 0 = none
//     late   of the younger block: the key's entry in the pane of `late` for the window at hand, 0 = none
//   end record  | block entry u32 | next record u32 | rows, accumulators |
//
// Sets of values (count_distinct): `seen` has an entry a different value of a key in a block with the last pane that has
// it. The younger block's entry counts its own values; the older one's counts in `excluded` those of its panes not yet
// left that the younger block has not.
//
// Invariants:
// - Blocks and ends follow from the panes and from what has fired: they are never stored, and made anew after a restore.
// - Blocks are aligned by time alone, so sums of f64 are added up in an order that follows from the data.
// - No row is folded into a pane that a window has reached: such a row is late for the pane.

export const HOP_PANES: usize = 0;
export const HOP_LATE: usize = 4;
export const HOP_BLOCKS: usize = 8;
export const HOP_VALUE_BYTES: usize = 12; // of a pane's entry from its rows on
export const HOP_SIZE: usize = 16; // i64
export const HOP_SLIDE: usize = 24; // i64
export const HOP_NEXT: usize = 32; // i64 end of the next window, or of the one that is being emitted
export const HOP_STAGE: usize = 40;
export const HOP_OUT: usize = 44; // rows and accumulators of the rows of one output batch
export const HOP_OUT_ROWS: usize = 48;
export const HOP_ENDS: usize = 52; // per pane of a block {address of its end records, their count}
export const HOP_PER_BLOCK: usize = 56;
export const HOP_EXTRA_AT: usize = 60; // of the extra fields in a block's entry
export const HOP_OLDER: usize = 64; // pane of `blocks`, 0 = none
export const HOP_YOUNGER: usize = 68;
export const HOP_JOINED: usize = 72; // the last pane that a window has reached, 0 = none
export const HOP_SET_COUNT: usize = 76;
export const HOP_CURSOR: usize = 80;
export const HOP_ROWS: usize = 96; // of the output batch so far
export const HOP_SETS: usize = 112; // 16 x {sets of panes, sets of late, seen, offset of the slot in entries}
export const HOP_SETS_MAX: u32 = 16;
export const HOP_BYTES: u32 = 368;

export const EXTRA_PEER: usize = 4;
export const EXTRA_LATE: usize = 8;
export const EXTRA_SETS: usize = 16;
export const EXTRA_BYTES: u32 = 16;

export const END_NEXT: usize = 4;
export const END_HEADER: usize = 8;

export const STAGE_NEXT: u32 = 0; // find the next window
export const STAGE_OLDER: u32 = 1; // emit the keys that the older block has
export const STAGE_YOUNGER: u32 = 2; // emit those that only the younger one has
export const STAGE_LEAVE: u32 = 3; // its first pane leaves
