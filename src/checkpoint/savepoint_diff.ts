// What differs between two savepoints: rows of each state, and positions of the sources.

import type { PlainData } from "../base/plain.ts";
import { rowOf, type Value } from "../batch/record_batch.ts";
import type { Savepoint, SavepointState } from "./savepoint.ts";

export interface SavepointDiff {
  readonly states: readonly StateDiff[];
  readonly splits: readonly SplitDiff[];
}

/** Of a state that differs. Rows count as often as they are there; columns that differ make all rows differ. */
export interface StateDiff {
  readonly uid: string;
  readonly state: string;
  readonly rowsLeft: number;
  readonly rowsRight: number;
  readonly onlyLeft: number;
  readonly onlyRight: number;
  /** The first few, as JSON with integers in all of their digits. */
  readonly examplesLeft: readonly string[];
  readonly examplesRight: readonly string[];
}

export interface SplitDiff {
  readonly uid: string;
  readonly split: string;
  /** Undefined where that side has no such split. */
  readonly left: PlainData | undefined;
  readonly right: PlainData | undefined;
}

export function diffSavepoints(left: Savepoint, right: Savepoint, examplesMax: number): SavepointDiff {
  const keys = new Map([...left.states, ...right.states].map((one) => [keyOf(one), one]));
  const states = [...keys].flatMap(([key, { uid, state }]): StateDiff[] => {
    const [before, after] = [left, right].map((side) => side.states.find((one) => keyOf(one) === key));
    const diff = diffRows(before, after, examplesMax);
    const isSame = diff.onlyLeft === 0 && diff.onlyRight === 0 && before !== undefined && after !== undefined;
    return isSame ? [] : [{ uid, state, ...diff }];
  });
  return { states, splits: diffSplits(left, right) };
}

const keyOf = ({ uid, state }: SavepointState): string => JSON.stringify([uid, state]);

function diffRows(left: SavepointState | undefined, right: SavepointState | undefined, examplesMax: number) {
  /** How many more of a row are on the left; below 0, on the right. */
  const balance = new Map<string, number>();
  const count = (side: SavepointState | undefined, weight: number): number => {
    let rows = 0;
    for (const text of rowTexts(side)) {
      rows++;
      const sum = (balance.get(text) ?? 0) + weight;
      if (sum === 0) balance.delete(text);
      else balance.set(text, sum);
    }
    return rows;
  };
  const [rowsLeft, rowsRight] = [count(left, 1), count(right, -1)];
  const of = (sign: number) => [...balance].filter(([, sum]) => Math.sign(sum) === sign);
  const total = (sign: number): number => of(sign).reduce((sum, [, times]) => sum + Math.abs(times), 0);
  const examples = (sign: number): string[] =>
    of(sign)
      .map(([text]) => text)
      .sort()
      .slice(0, examplesMax);
  return {
    ...{ rowsLeft, rowsRight, onlyLeft: total(1), onlyRight: total(-1) },
    ...{ examplesLeft: examples(1), examplesRight: examples(-1) },
  };
}

function* rowTexts(state: SavepointState | undefined): Generator<string> {
  if (state === undefined) return;
  const names = state.schema.map((one) => `${JSON.stringify(one.name)}:`);
  for (const batch of state.batches) {
    for (let row = 0; row < batch.rowCount; row++) {
      yield `{${rowOf(batch, row)
        .map((value, index) => (names[index] as string) + textOfValue(value))
        .join(",")}}`;
    }
  }
}

const textOfValue = (value: Value): string => {
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "number" || Number.isFinite(value)) return Object.is(value, -0) ? "-0" : JSON.stringify(value);
  return JSON.stringify(String(value));
};

function diffSplits(left: Savepoint, right: Savepoint): SplitDiff[] {
  const positions = (side: Savepoint) =>
    new Map(
      side.sources.flatMap(({ uid, splits }) =>
        splits.map((one) => [JSON.stringify([uid, one.id]), { uid, split: one.id, position: one.position }] as const),
      ),
    );
  const [before, after] = [positions(left), positions(right)];
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((key): SplitDiff[] => {
    const [one, other] = [before.get(key), after.get(key)];
    if (JSON.stringify(one?.position) === JSON.stringify(other?.position)) return [];
    const { uid, split } = (one ?? other) as { readonly uid: string; readonly split: string };
    return [{ uid, split, left: one?.position, right: other?.position }];
  });
}
