// Process functions of a Worker. They are bundled with it: the entry of the Worker registers them before it is called.
//
//   import { registerFunctions } from "millrace/adapters/cloudflare/functions.ts";
//   import { firstOrder } from "./functions.ts";
//   registerFunctions([firstOrder]);
//   export * from "millrace/adapters/cloudflare/main.ts";
//   export { default } from "millrace/adapters/cloudflare/main.ts";

import { type ProcessFunction, ProcessFunctions } from "../../src/job/define_process.ts";

let registered = new ProcessFunctions();

/** Takes the place of what was registered before. Throws where two have one name. */
export function registerFunctions(functions: Iterable<ProcessFunction>): void {
  registered = new ProcessFunctions(functions);
}

export const registeredFunctions = (): ProcessFunctions => registered;
