// The reference pages name what there is: every route, every metric, every option of the command line.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { cliPath } from "../support/cli.ts";
import { openApi } from "../support/api_fixture.ts";
import { openLocalContext } from "../support/local_context.ts";

const page = (name: string): string =>
  readFileSync(new URL(`../../docs/reference/${name}.md`, import.meta.url), "utf8");

test("docs/reference/rest.md names every route, and no route that is not there", async () => {
  const { context, close } = await openLocalContext();
  const api = await openApi(context);
  const listed = [...page("rest").matchAll(/^\| `(GET|POST|PATCH|PUT|DELETE) (\/v1[^`?]*)/gm)].map(
    (one) => `${one[1]} ${one[2]}`,
  );
  const routes = api.routes.map(({ method, path }) => `${method} ${path}`);
  assert.deepEqual([...listed, "GET /v1/metrics"].sort(), routes.sort());
  await api.close();
  await close();
});

test("docs/reference/cli.md names every command and option", () => {
  const text = page("cli");
  const help = (...words: readonly string[]): string =>
    spawnSync(process.execPath, [cliPath, ...words, "--help"], { encoding: "utf8" }).stdout;
  const commandsIn = (shown: string): string[] =>
    [...(shown.split("Commands:")[1] ?? "").matchAll(/^ {2}([a-z]+)/gm)].map((one) => one[1] as string);
  const groups = ["savepoint"];
  const commands = commandsIn(help()).filter((one) => !["help", ...groups].includes(one));
  const grouped = groups.flatMap((group) => commandsIn(help(group)).map((one) => `${group} ${one}`));
  assert.ok(commands.length > 10 && grouped.length > 5, "there are commands");
  for (const command of [...commands, ...grouped.filter((one) => !one.endsWith(" help"))]) {
    assert.ok(text.includes(`\`millrace ${command}`), command);
    const shown = help(...command.split(" "));
    const options = [...shown.matchAll(/^ {2}(--[a-z-]+(?: <[a-z ]+>)?)/gm)].map((one) => one[1] as string);
    assert.ok(options.length > 0, shown);
    for (const option of options) assert.ok(text.includes(`\`${option}\``), `${command} ${option}`);
  }
});
