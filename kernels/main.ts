// What the host can call. One line a kernel family; nothing else is exported.

export { mr_init, mr_alloc, mr_free } from "./memory/allocator";
export { mr_column_pack } from "./column/pack";
export { mr_ndjson_decode } from "./ndjson/decode";
export { mr_hash_bytes } from "./hash/key_hash";
export { mr_time_attach, mr_time_bounds } from "./window/watermarks";
export {
  mr_window_create, mr_window_add_key, mr_window_add_fold, mr_window_add_output, mr_window_add_state, mr_window_free,
  mr_window_late_rows, mr_window_entries, mr_window_long_key_bytes, mr_window_set_fired,
} from "./window/create";
export { mr_window_update, mr_window_update_bounded } from "./window/update";
export { mr_window_completed } from "./window/panes";
export { mr_window_fire } from "./window/fire";
export { mr_window_gather_begin, mr_window_gather_all, mr_window_gather_next, mr_window_restore } from "./window/gather";
export { mr_expression_run, mr_filter } from "./expression/run";
export { mr_router_create, mr_router_add_key, mr_router_set_target, mr_router_free } from "./exchange/router";
export { mr_router_scatter } from "./exchange/scatter";
export {
  mr_join_create_side, mr_join_set_interval, mr_join_add_key, mr_join_add_column, mr_join_create, mr_join_add_output,
  mr_join_free, mr_join_free_side, mr_join_expire, mr_join_cutoff, mr_join_rows, mr_join_text_bytes,
  mr_join_keys, mr_join_long_key_bytes,
} from "./join/create";
export { mr_join_update, mr_join_late_rows } from "./join/update";
export { mr_join_probe } from "./join/probe";
export { mr_join_gather_begin, mr_join_gather_next, mr_join_completed } from "./join/gather";
export { mr_join_restore } from "./join/restore";
export { mr_distinct_create, mr_distinct_free, mr_distinct_update, mr_distinct_drop } from "./distinct/update";
export { mr_distinct_gather_next, mr_distinct_restore } from "./distinct/state";
export { mr_hop_create, mr_hop_add_sets, mr_hop_free } from "./hopping/create";
export { mr_hop_update } from "./hopping/update";
export { mr_hop_fire, mr_hop_settle } from "./hopping/fire";
export { mr_session_create, mr_session_add_sets, mr_session_free, mr_session_update } from "./session/create";
export { mr_session_fire, mr_session_settle } from "./session/fire";
export {
  mr_running_create, mr_running_add_key, mr_running_add_fold, mr_running_add_output, mr_running_add_state,
  mr_running_free, mr_running_entries, mr_running_long_key_bytes,
} from "./running/create";
export { mr_running_update } from "./running/update";
export { mr_running_emit } from "./running/emit";
export {
  mr_running_gather_begin, mr_running_gather_next, mr_running_gather_all, mr_running_all_next, mr_running_completed,
  mr_running_restore,
} from "./running/gather";
export { mr_top_create, mr_top_add_key, mr_top_add_column, mr_top_free, mr_top_rows, mr_top_state_bytes } from "./top/create";
export { mr_top_update } from "./top/update";
export { mr_top_emit } from "./top/emit";
export {
  mr_top_gather_begin, mr_top_gather_next, mr_top_gather_all, mr_top_all_next, mr_top_completed, mr_top_restore,
} from "./top/gather";
