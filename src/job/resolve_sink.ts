// Checks a sink: whether its target can take the columns, and rows that are taken back.

import { columnIndex, type Schema } from "../batch/schema.ts";
import { columnHint } from "../expression/check_expression.ts";
import { show } from "../expression/problem.ts";
import type { SinkConnectorSpec, SinkSpec, TableSinkSpec } from "./job_spec.ts";
import {
  failed,
  type InputStream,
  inputOf,
  knownInputs,
  refuse,
  type Resolution,
  type Site,
  type Sound,
} from "./stream.ts";

export function resolveSink(spec: Sound<SinkSpec>, site: Site): Resolution {
  const before = site.problems.length;
  const { connector } = spec;
  const input = inputOf(site);
  if (connector?.kind === "table") checkMode(connector, site);
  if (connector?.kind === "table" && input.schema !== undefined) checkTable(connector, input.schema, input.path, site);
  if (connector !== undefined) checkUpdating(connector, input, site);
  const inputs = knownInputs(site);
  if (site.problems.length > before || inputs === undefined || connector === undefined) return failed;
  const known = { parallelism: site.parallelism, inputs, output: [], updating: false, sides: new Map() };
  return { ...failed, operator: { kind: "sink", spec: spec as SinkSpec, ...known } };
}

function checkMode({ mode, primaryKey }: TableSinkSpec, site: Site): void {
  const at = `${site.path}.connector.primaryKey`;
  if (mode === "upsert" && primaryKey.length === 0)
    refuse(site, at, "no column", "the columns that tell one row from another, for mode upsert");
  if (mode === "append" && primaryKey.length > 0)
    refuse(site, at, show(primaryKey), "no primaryKey for mode append: every row is inserted");
}

/** Every sink shows rows that are taken back, but for a table without a key; the others as lines that begin with "op". */
function checkUpdating(connector: SinkConnectorSpec, { updating, schema, path }: InputStream, site: Site): void {
  if (updating === undefined) return;
  const why = `for rows that are taken back later: ${updating}`;
  if (connector.kind !== "table") {
    if (schema !== undefined && columnIndex(schema, CHANGE_MEMBER) >= 0)
      refuse(site, path, `column ${show(CHANGE_MEMBER)} ${why}`, "another name: it says what happens to the row");
  } else if (connector.mode === "append") {
    const expected = 'mode "upsert" with a primaryKey, which takes rows back';
    refuse(site, `${site.path}.connector.mode`, `mode "append" ${why}`, expected);
  }
}

/** The first member of each line of a changelog. */
const CHANGE_MEMBER = "op";

function checkTable({ primaryKey }: TableSinkSpec, schema: Schema, inputPath: string, site: Site): void {
  for (const [index, name] of primaryKey.entries()) {
    const path = `${site.path}.connector.primaryKey[${index}]`;
    const column = schema[columnIndex(schema, name)];
    if (column === undefined) refuse(site, path, show(name), columnHint(name, schema));
    else if (primaryKey.indexOf(name) < index) refuse(site, path, show(name), "each column once");
    else if (column.nullable)
      refuse(site, path, `${show(name)}, nullable`, "a column that is never null: nulls are never the same row");
    else if (column.type === "f64")
      refuse(site, path, `${show(name)} of type f64`, "a column of type i64, utf8, bool or timestamp");
  }
  const folded = new Map<string, string>();
  for (const { name } of schema) {
    const other = folded.get(name.toLowerCase());
    if (other !== undefined) {
      const expected = "names that differ in more than case: a table's columns are not told apart by it";
      refuse(site, inputPath, `columns ${show(other)} and ${show(name)}`, expected);
    }
    folded.set(name.toLowerCase(), name);
  }
}
