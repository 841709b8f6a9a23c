// The planted bugs of the simulation are patches: each must still apply to the code as it is.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { rootPath } from "../../tools/process.ts";
import { plantedBugs } from "../simulation/planted.ts";

test("every planted bug applies to the code as it is, and says which bug of another system it follows", () => {
  const bugs = plantedBugs();
  assert.ok(bugs.length >= 40, "there are at least forty");
  for (const bug of bugs) {
    const patch = `tests/simulation/planted/${bug}.patch`;
    const check = spawnSync("git", ["apply", "--check", patch], { cwd: rootPath, encoding: "utf8" });
    assert.equal(check.status, 0, `${bug}: ${check.stderr}`);
    const [what = "", after = ""] = readFileSync(join(rootPath, patch), "utf8").split("\n");
    assert.ok(
      what.endsWith(".") && after.startsWith("After ") && after.endsWith("."),
      `${bug} says what it is and after what`,
    );
  }
});
