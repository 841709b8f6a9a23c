// `node|bun|deno run -A … <kind> <first> <count>`: random sequences of one kind of operator on the runtime that executes this.

import { readFileSync } from "node:fs";
import process from "node:process";
import { runSequences } from "../../twins/operator_sequences.ts";

const [kind = "", first = "1", count = "10"] = process.argv.slice(2);
const kernels = new WebAssembly.Module(readFileSync(new URL("../../../build/kernels.wasm", import.meta.url)));
console.log(JSON.stringify(await runSequences(kernels, kind, Number(first), Number(count))));
process.exit(0);
