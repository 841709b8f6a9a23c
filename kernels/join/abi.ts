// What the join's kernels and their host share about row slots. Same rules as `../abi.ts`.

export const JOIN_SLOT_TIME: i32 = 24; // place of the row's time in its slot
export const JOIN_SLOT_HEADER: i32 = 32; // bytes of a slot before the first column
export const JOIN_NEVER_NULL: i32 = 255; // the bit of a column that has none
export const JOIN_NO_COLUMN: i32 = -1; // the time column of rows without event time
