// The reference pages name what there is: every route, every metric, every option of the command line.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Command } from "commander";
import { commandLine } from "../../adapters/local/cli/program.ts";
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
  const leaves = (command: Command, words: string): (readonly [string, Command])[] =>
    command.commands.length === 0
      ? [[words, command]]
      : command.commands.flatMap((one) => leaves(one, `${words} ${one.name()}`));
  const commands = leaves(
    commandLine(() => Promise.resolve()),
    "millrace",
  );
  assert.ok(commands.length > 20, "there are commands");
  for (const [words, command] of commands) {
    assert.ok(text.includes(`\`${words}`), words);
    for (const { flags } of command.options) assert.ok(text.includes(`\`${flags}\``), `${words} ${flags}`);
  }
});
