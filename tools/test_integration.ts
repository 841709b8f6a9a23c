// Runs the tests that need servers of other makers: libSQL servers, S3-compatible servers. Not part of `npm test`.
//   node tools/test_integration.ts [--only part-of-a-name]
// The last line is `N passed, N failed`.

import process from "node:process";
import { parseArgs } from "node:util";
import { succeeds } from "./process.ts";
import { runSuite } from "./test_suites.ts";

const { values } = parseArgs({ options: { only: { type: "string", default: "" } } });

if (!succeeds("node", ["tools/build_kernels.ts"])) process.exit(1);

const args = ["tests/runtimes/node_test_main.ts", "tests/integration", values.only];
const { passed, failures, seconds } = await runSuite({ name: "integration", shared: false, command: "node", args });
for (const { name, error } of failures) {
  console.log(`✖ ${name}`);
  console.log(error.replace(/^/gm, "    "));
}
console.log(`\n${seconds} s in all`);
console.log(`${passed.size} passed, ${failures.length} failed`);
process.exit(failures.length === 0 && passed.size > 0 ? 0 : 1);
