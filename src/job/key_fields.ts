// Columns that rows are grouped, joined or ordered by.

import { columnIndex, type Field, type Schema } from "../batch/schema.ts";
import { columnHint } from "../expression/check_expression.ts";
import { show } from "../expression/problem.ts";
import { refuse, type Site } from "./stream.ts";

/** The named columns where each is there, once, and can be a key; undefined where one is not. */
export function keyFields(
  site: Site,
  names: readonly string[],
  schema: Schema,
  path: string,
): readonly Field[] | undefined {
  const fields = names.flatMap((name, index) => {
    const at = `${path}[${index}]`;
    if (names.indexOf(name) < index) {
      refuse(site, at, show(name), "each key once");
      return [];
    }
    return keyField(site, name, schema, at) ?? [];
  });
  return fields.length === names.length ? fields : undefined;
}

export function keyField(site: Site, name: string, schema: Schema, path: string): Field | undefined {
  const column = schema[columnIndex(schema, name)];
  if (column === undefined) refuse(site, path, show(name), columnHint(name, schema));
  else if (column.type === "f64") {
    const expected = "a key of type i64, utf8, bool or timestamp: f64 values do not compare exactly";
    refuse(site, path, `${show(name)} of type f64`, expected);
  } else return column;
  return undefined;
}
