// Savepoints looked into: as tables of SQL, and one beside the other.

import { asOperatorUid, asSplitId } from "../../src/base/ids.ts";
import { batchOfRows, type Value } from "../../src/batch/record_batch.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import { diffSavepoints } from "../../src/checkpoint/savepoint_diff.ts";
import { savepointTables } from "../../src/checkpoint/savepoint_tables.ts";
import type { Savepoint, SavepointState } from "../../src/checkpoint/savepoint.ts";
import { zeroCounters } from "../../src/protocol/snapshot.ts";
import { type Case, test } from "../case.ts";
import { equal } from "../expect.ts";

const schema: Schema = [
  field("key_group", "i64"),
  field("key:Name", "utf8", true),
  field("key:name", "utf8", true),
  field('sum of "all"', "f64", true),
  field("at", "timestamp"),
  field("on", "bool", true),
];

const state = (uid: string, name: string, rows: readonly (readonly Value[])[]): SavepointState => ({
  uid,
  state: name,
  schema,
  scalars: [{ watermark: "5" }, null],
  batches: rows.map((row) => batchOfRows(schema, [row])),
});

const savepoint = (states: readonly SavepointState[], offset = 5): Savepoint => {
  const split = { id: asSplitId("s"), detail: { path: "p" }, finished: false, timestampMax: "-9223372036854775808" };
  const header = { savepoint: "s", jobId: "j", jobName: "n", branch: "b", checkpoint: 4, createdAtMs: 5 };
  return {
    header: { ...header, maxParallelism: 8, inputEnded: false, counters: { ...zeroCounters, rowsIn: 9 } },
    sources: [{ uid: asOperatorUid("source"), splits: [{ ...split, position: { offset } }] }],
    states,
  };
};

const first: readonly Value[] = [1n, "a", "b", 1.5, 9_007_199_254_740_993n, true];
const second: readonly Value[] = [2n, null, "it's \u0000 ключ", null, -1n, false];
const third: readonly Value[] = [2n, "", null, Number.NaN, 0n, null];

export const cases: readonly Case[] = [
  test("a savepoint as tables holds every value, whatever the names of its columns and states", async (context) => {
    const { tables } = await context.freshPlatform();
    const its = savepoint([
      state("w", "x.y", [first, second, third]),
      state("w.x", "y", [first]),
      state("W", "X.Y", []),
      state("states", "", [second]),
    ]);
    for (const statements of savepointTables(its, 18)) await tables.batch(statements);
    const found = async (sql: string) => await tables.query({ sql, args: [] });
    equal(await found("SELECT operator, state, table_name, rows, scalars FROM states"), [
      ["w", "x.y", "w.x.y", 3, '[{"watermark":"5"},null]'],
      ["w.x", "y", "w.x.y~2", 1, '[{"watermark":"5"},null]'],
      ["W", "X.Y", "W.X.Y~3", 0, '[{"watermark":"5"},null]'],
      ["states", "", "states.", 1, '[{"watermark":"5"},null]'],
    ]);
    const columns = `key_group, "key:Name", hex("key:name~2"), "sum of ""all""", CAST(at AS TEXT), "on"`;
    equal(await found(`SELECT ${columns} FROM "w.x.y" ORDER BY rowid`), [
      [1, "a", "62", 1.5, "9007199254740993", 1],
      [2, null, "6974277320" + "0020" + "D0BAD0BBD18ED187", null, "-1", 0],
      [2, "", "", null, "0", null],
    ]);
    equal(await found(`SELECT count(*) FROM "w.x.y~2"`), [[1]]);
    equal(await found("SELECT value FROM savepoint WHERE fact IN ('jobName', 'rowsIn') ORDER BY fact"), [["n"], ["9"]]);
    equal(await found("SELECT source, split, position, finished, CAST(timestamp_max AS TEXT) FROM splits"), [
      ["source", "s", '{"offset":5}', 0, "-9223372036854775808"],
    ]);
  }),

  test("two savepoints differ in the rows that one has more often, and in positions, and in nothing else", () => {
    const left = savepoint([state("a", "t", [first, second, second]), state("b", "t", [third])]);
    equal(diffSavepoints(left, left, 9), { states: [], splits: [] });
    const sorted = savepoint([state("b", "t", [third]), state("a", "t", [second, first, second])]);
    equal(diffSavepoints(left, sorted, 9), { states: [], splits: [] }, "their order means nothing");
    const negative: readonly Value[] = [2n, "", null, -0, 0n, null];
    const right = savepoint([state("a", "t", [first, second]), state("b", "t", [negative]), state("c", "t", [])], 7);
    const { states, splits } = diffSavepoints(left, right, 1);
    const text = (sum: string): string =>
      `{"key_group":2,"key:Name":"","key:name":null,"sum of \\"all\\"":${sum},"at":0,"on":null}`;
    equal(
      states.map(({ examplesLeft: _left, examplesRight: _right, ...counts }) => counts),
      [
        { uid: "a", state: "t", rowsLeft: 3, rowsRight: 2, onlyLeft: 1, onlyRight: 0 },
        { uid: "b", state: "t", rowsLeft: 1, rowsRight: 1, onlyLeft: 1, onlyRight: 1 },
        { uid: "c", state: "t", rowsLeft: 0, rowsRight: 0, onlyLeft: 0, onlyRight: 0 },
      ],
    );
    equal([states[1]?.examplesLeft, states[1]?.examplesRight], [[text('"NaN"')], [text("-0")]]);
    equal(splits, [{ uid: "source", split: "s", left: { offset: 5 }, right: { offset: 7 } }]);
  }),
];
