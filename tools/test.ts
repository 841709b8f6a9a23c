// Runs every test: the shared cases on Node, Deno, Bun and workerd, the unit tests and the checks on the code itself.
//   node tools/test.ts [--suite node,deno,bun,workerd,durable,unit,tidy] [--only part-of-a-name] [--jobs 2]
// Fails when a test fails, when a runtime ran no case or another set of cases than the others, or when a process
// ended early. The last line is `N passed, N failed`.

import process from "node:process";
import { parseArgs } from "node:util";
import { succeeds } from "./process.ts";
import { compareRuntimes, runSuite, type Suite, type SuiteResult } from "./test_suites.ts";

const { values } = parseArgs({
  options: { suite: { type: "string" }, only: { type: "string", default: "" }, jobs: { type: "string", default: "2" } },
});

const local = "tests/runtimes/local_main.ts";
const unit = "tests/runtimes/node_test_main.ts";
/** In the order that keeps two cores busy until the end. */
const all: readonly Suite[] = [
  { name: "bun", shared: true, command: "bun", args: [local, values.only] },
  { name: "deno", shared: true, command: "deno", args: ["run", "-A", "--no-lock", local, values.only] },
  { name: "node", shared: true, command: "node", args: [local, values.only] },
  { name: "unit", shared: false, command: "node", args: [unit, "tests/unit", values.only] },
  { name: "workerd", shared: true, command: "node", args: ["tests/runtimes/workerd_main.ts", values.only] },
  {
    name: "durable",
    shared: false,
    command: "node",
    args: ["tests/runtimes/workerd_main.ts", values.only, "tests/runtimes/workerd"],
  },
  { name: "tidy", shared: false, command: "node", args: [unit, "tests/tidy", values.only] },
];

const asked = values.suite?.split(",");
const unknown = asked?.filter((name) => !all.some((suite) => suite.name === name)) ?? [];
if (unknown.length > 0) {
  console.error(`there is no suite ${unknown.join(", ")}; there are ${all.map((suite) => suite.name).join(", ")}`);
  process.exit(2);
}

if (!succeeds("node", ["tools/build_kernels.ts"])) process.exit(1);

const queue = all.filter((suite) => asked === undefined || asked.includes(suite.name));
const results: SuiteResult[] = [];
const startMs = Date.now();

async function worker(): Promise<void> {
  for (let suite = queue.shift(); suite !== undefined; suite = queue.shift()) {
    const result = await runSuite(suite);
    results.push(result);
    const mark = result.failures.length === 0 ? "ok  " : "FAIL";
    console.log(
      `${mark} ${suite.name.padEnd(10)} ${String(result.passed.size).padStart(5)} passed in ${result.seconds} s`,
    );
  }
}
await Promise.all(Array.from({ length: Math.max(1, Number(values.jobs)) }, worker));

const failures = results.flatMap((result) => result.failures.map((one) => ({ suite: result.suite.name, ...one })));
for (const one of compareRuntimes(results, asked === undefined)) failures.push(one);

for (const { suite, name, error } of failures) {
  console.log(`\n✖ ${suite}: ${name}`);
  console.log(error.replace(/^/gm, "    "));
}
const passed = results.reduce((sum, result) => sum + result.passed.size, 0);
console.log(`\n${Math.round((Date.now() - startMs) / 1000)} s in all`);
console.log(`${passed} passed, ${failures.length} failed`);
process.exit(failures.length === 0 && passed > 0 ? 0 : 1);
