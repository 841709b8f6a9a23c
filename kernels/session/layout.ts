// Session windows: rows of one key that lie closer together than the gap, [first row, last row + gap).
//
//   session ── panes: a window table (kernels/window) of panes as wide as the gap
//
// All rows of a key in one pane are of one session, because they lie closer together than the gap. So a row is folded
// into its pane as if windows were tumbling, and sessions take shape when the watermark W passes panes:
//
//   pane p, its end at or before W   no row can reach it any more. An entry whose last row + gap is at or before W is
//                                    either connected (the key's first row of pane p + 1 is closer than the gap), for
//                                    good, or it is a session that has ended: it is emitted.
//   its end + gap at or before W     that pane p + 1 is closed to rows, too: connected entries are merged into those of
//                                    p + 1, which so carry what the session has gathered, and pane p is dropped.
//
// A session thus has one entry a pane not yet passed, however long it lasts.
//
// Invariants:
// - A row is late exactly when it is older than the watermark of its own split (or than what has fired, which only an
//   idle split that comes back can cause). So an accepted row is never closer than the gap to a session that has ended,
//   and sessions are those of the accepted rows, whatever the order, the batches and the watermarks in between.
// - Entries are merged pane by pane, in order of time, when no row can reach them: the order of additions follows from
//   the data alone.
// - What has been emitted need not be remembered: a restored entry of a passed pane whose last row + gap is at or before
//   what had fired has been emitted, unless it is connected.

export const SESSION_PANES: usize = 0;
export const SESSION_FIRST_AT: usize = 4; // offsets of first and last time in entries
export const SESSION_LAST_AT: usize = 8;
export const SESSION_SET_COUNT: usize = 12;
export const SESSION_GAP: usize = 16; // i64
export const SESSION_FIRED: usize = 24; // i64
export const SESSION_MARKS: usize = 32; // i64 a row of a batch: the last i64 where the row is late, else the first
export const SESSION_MARK_ROWS: usize = 36;
export const SESSION_PENDING_PANE: usize = 40; // the pane whose entries are listed, 0 = none
export const SESSION_PENDING: usize = 44; // u32 begin of each bucket and end of the last, then entries by last row
export const SESSION_PENDING_BYTES: usize = 48;
export const SESSION_BUCKET: usize = 52; // first bucket that may hold entries to be resolved
export const SESSION_SLOT: usize = 56; // first of its entries
export const SESSION_DROP_COUNT: usize = 60; // head panes that are through and wait to be dropped
export const SESSION_BUCKET_WIDTH: usize = 64; // i64
export const SESSION_SETS: usize = 80; // 16 x {sets, offset of the slot in entries}
export const SESSION_SETS_MAX: u32 = 16;
export const SESSION_BYTES: u32 = 208;

/** Listed entries: an address, its lowest bit set once the entry is known to be connected; 0 = emitted. */
export const CONNECTED: u32 = 1;
export const BUCKETS: u32 = 1024;
