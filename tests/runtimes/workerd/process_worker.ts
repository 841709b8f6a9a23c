// The entry of a Worker with a process function of its own, as docs/reference/process_functions.md tells users to write it.

import { registerFunctions } from "../../../adapters/cloudflare/functions.ts";
import { defineProcessFunction, valueState } from "../../../src/job/mod.ts";

const running = defineProcessFunction({
  name: "running",
  input: { customer: "utf8", units: "i64" },
  output: { customer: "utf8", total: "i64" },
  states: { total: valueState<bigint>() },
  process(row, context) {
    const total = (context.states.total.get() ?? 0n) + row.units;
    context.states.total.put(total);
    if (total % 10n === 0n) context.emit({ customer: row.customer, total });
  },
});

registerFunctions([running]);

export * from "../../../adapters/cloudflare/main.ts";
export { default } from "../../../adapters/cloudflare/main.ts";
