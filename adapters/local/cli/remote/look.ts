// Savepoints looked into here: as a SQLite database, and one beside the other. Each is a file, or one of a server.

import { existsSync, readFileSync, rmSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { createClient, type InStatement } from "@libsql/client/sqlite3";
import { externalError, userError } from "../../../../src/base/errors.ts";
import { diffSavepoints, type SavepointDiff } from "../../../../src/checkpoint/savepoint_diff.ts";
import { readSavepoint } from "../../../../src/checkpoint/savepoint_file.ts";
import { savepointTables } from "../../../../src/checkpoint/savepoint_tables.ts";
import type { Savepoint } from "../../../../src/checkpoint/savepoint.ts";
import { systemDigest } from "../../machine.ts";
import { EXIT } from "../exit.ts";
import { grouped, table } from "../format.ts";
import { type ConnectOptions, connect, print } from "./connect.ts";

/** What a statement of SQLite may have is 32,766; this is what a statement is quick with. */
const PARAMETERS_MAX = 2_000;
const EXAMPLES_MAX = 5;

async function savepointAt(text: string, options: ConnectOptions): Promise<Savepoint> {
  const bytes = existsSync(text) ? readFileSync(text) : await connect(options).savepointFile(text);
  return readSavepoint(new Uint8Array(bytes), systemDigest, text);
}

export async function exportTables(
  savepoint: string,
  options: ConnectOptions & { readonly sqlite: string },
): Promise<number> {
  const { sqlite: path } = options;
  const content = await savepointAt(savepoint, options);
  if (existsSync(path)) throw userError("file_exists", path, `${path} is there already, and is not overwritten`);
  const rows = await writeDatabase(path, content);
  print(options, { savepoint, file: path, states: content.states.length, rows }, () => [
    `${path}: ${content.states.length} states, ${grouped(rows)} rows`,
  ]);
  return EXIT.done;
}

async function writeDatabase(path: string, content: Savepoint): Promise<number> {
  const client = createClient({ url: pathToFileURL(resolve(path)).href, concurrency: 1 });
  try {
    // Gone is a half-written file after all; without these a large one takes many times as long.
    await client.execute("PRAGMA journal_mode = MEMORY");
    await client.execute("PRAGMA synchronous = OFF");
    for (const statements of savepointTables(content, PARAMETERS_MAX)) {
      await client.batch(statements as unknown as InStatement[], "write");
    }
    const { rows } = await client.execute("SELECT coalesce(sum(rows), 0) FROM states");
    return Number(rows[0]?.[0]);
  } catch (cause) {
    client.close();
    rmSync(path, { force: true });
    const message = `${path} cannot be written: ${(cause as Error).message}`;
    throw externalError("file_not_written", path, message, { cause });
  } finally {
    client.close();
  }
}

/** Exits with 1 where they differ, as `diff` does. */
export async function diff(left: string, right: string, options: ConnectOptions): Promise<number> {
  const found = diffSavepoints(await savepointAt(left, options), await savepointAt(right, options), EXAMPLES_MAX);
  const isSame = found.states.length === 0 && found.splits.length === 0;
  print(options, { same: isSame, ...found }, () => (isSame ? ["they hold the same"] : diffLines(found)));
  return isSame ? EXIT.done : EXIT.jobFailed;
}

function diffLines({ states, splits }: SavepointDiff): readonly string[] {
  const right = (title: string) => ({ title, right: true });
  const lines = [
    ...table(
      [
        { title: "operator" },
        { title: "state" },
        right("left"),
        right("right"),
        right("only left"),
        right("only right"),
      ],
      states.map((one) => [
        ...[one.uid, one.state, grouped(one.rowsLeft), grouped(one.rowsRight)],
        ...[grouped(one.onlyLeft), grouped(one.onlyRight)],
      ]),
    ),
    ...states.flatMap((one) => [
      ...one.examplesLeft.map((text) => `- ${one.uid}.${one.state} ${text}`),
      ...one.examplesRight.map((text) => `+ ${one.uid}.${one.state} ${text}`),
    ]),
  ];
  const text = (position: unknown): string => (position === undefined ? "not there" : JSON.stringify(position));
  const positions = table(
    [{ title: "source" }, { title: "split" }, { title: "left" }, { title: "right" }],
    splits.map((one) => [one.uid, one.split, text(one.left), text(one.right)]),
  );
  return [...(states.length === 0 ? [] : lines), ...(splits.length === 0 ? [] : ["", ...positions])];
}
