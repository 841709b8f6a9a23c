// Memory of a running aggregate: a table of one pane that lives for ever, with the changes of its entries, and the
// copies of the entries that the present batch has touched, made before it touched them.
//
//   entry    | key 8 or 16 | 0 u32 | hash u32 | rows i64 | accumulators, 8 bytes each | node 16 | batch u64 |
//   node     its place among the changes (kernels/changes/list.ts)
//   batch    number of the last batch that touched the entry, 0 = none since it was made
//
// Of a stream that takes rows back, each folded column has: present i64 | sum i64, or as below |
//   f64:   sum | rounding errors | NaN count i64 | +infinity count i64 | -infinity count i64 |
//          Values that are not finite are counted and not added, so that they can be taken back.
//
// Invariants:
// - An entry with 0 rows is dead: it has the accumulators of a new one, it is among the changes, so that its tombstone
//   is gathered, and it is removed once a checkpoint that holds the tombstone is durable.
// - Entries move only while rows are restored or a checkpoint completes, never between an update and its results.

export const RUN_TABLE: usize = 0; // u32 address of the table
export const RUN_PANE: usize = 4; // u32 address of its pane
export const RUN_CHANGES: usize = 8; // 24 bytes, head of the changes
export const RUN_NODE_AT: usize = 32; // u32 offset of the node in an entry
export const RUN_WEIGHTED: usize = 36; // u32, 1 = rows may be taken back
export const RUN_BATCH: usize = 40; // u64 number of the present batch
export const RUN_TOUCHED: usize = 48; // u32 address of touched entries' addresses
export const RUN_TOUCHED_CAPACITY: usize = 52; // u32
export const RUN_TOUCHED_COUNT: usize = 56; // u32
export const RUN_COPIES: usize = 60; // u32 address of their copies
export const RUN_COPIES_CAPACITY: usize = 64; // u32
export const RUN_NEXT: usize = 68; // u32, the next touched entry whose result is due
export const RUN_DEAD: usize = 72; // u32 dead entries
export const RUN_BYTES: u32 = 80;

/** Beside the operations of kernels/table/layout.ts: sums of five accumulators. */
export const SUM_TAKEN_BACK: u32 = 6;
export const AVERAGE_TAKEN_BACK: u32 = 7;
export const RAW: u32 = 8; // state only: as it is, whatever the counts

// Scratch of one output batch beside OUT_ENTRIES: weights, one i8 a row.
export const OUT_WEIGHTS: usize = 65536;
