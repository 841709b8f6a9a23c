// What the host can call. One line a kernel family; nothing else is exported.

export { mr_init, mr_alloc, mr_free } from "./memory/allocator";
