// All values of a column at once: several times as fast as asking for one cell after the other.

import { bitAt, type Column, type TextColumn, type Value } from "./record_batch.ts";
import { textOf } from "../base/bytes.ts";

export function columnValues(column: Column, rowCount: number): Value[] {
  const values = presentValues(column, rowCount);
  const { validity } = column;
  if (validity !== undefined) {
    for (let row = 0; row < rowCount; row++) if (!bitAt(validity, row)) values[row] = null;
  }
  return values;
}

function presentValues(column: Column, rowCount: number): Value[] {
  const values = new Array<Value>(rowCount);
  switch (column.type) {
    case "i64":
    case "timestamp":
    case "f64":
      for (let row = 0; row < rowCount; row++) values[row] = column.values[row] as Value;
      return values;
    case "bool":
      for (let row = 0; row < rowCount; row++) values[row] = bitAt(column.bits, row);
      return values;
    case "utf8":
      fillTexts(column, values);
      return values;
  }
}

/** One call of the decoder for all rows; where every character is one byte, byte offsets are text offsets. */
function fillTexts({ offsets, bytes }: TextColumn, values: Value[]): void {
  const rowCount = values.length;
  const first = offsets[0] as number;
  const length = (offsets[rowCount] as number) - first;
  const whole = textOf(bytes.subarray(first, first + length));
  if (whole.length === length) {
    for (let row = 0; row < rowCount; row++) {
      values[row] = whole.slice((offsets[row] as number) - first, (offsets[row + 1] as number) - first);
    }
    return;
  }
  for (let row = 0; row < rowCount; row++) {
    values[row] = textOf(bytes.subarray(offsets[row] as number, offsets[row + 1] as number));
  }
}
