// What the host reads of a router; offsets of layout.ts, as plain numbers for both compilers.

export const ROUTER_NEEDED_AT: i32 = 520; // u32: heap bytes that the full target lacks room for; 0 = it lacks rows
