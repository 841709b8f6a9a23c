// Results over REST: the rows that table sinks have committed, as JSON in which every integer has all of its digits.

import type { Context } from "hono";
import { userError } from "../base/errors.ts";
import type { Answer } from "./error_answer.ts";
import type { JobGateway, TableCell, TableColumn, TableFacts, TablePage, TableQuery } from "./gateway.ts";
import type { Route } from "./route.ts";

const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 10_000;
const ORDER_MAX = 8;

export function tableRoutes(jobs: JobGateway): Route[] {
  return [
    {
      method: "GET",
      path: "/v1/tables",
      handle: async (c) => c.json({ tables: (await jobs.tables()).map(tableJson) }),
    },
    {
      method: "GET",
      path: "/v1/tables/:table/rows",
      handle: async (c) => answerPage(c, await jobs.tableRows(queryOf(c))),
    },
  ];
}

const tableJson = ({ table, jobId, sink, mode, primaryKey, columns }: TableFacts) => ({
  table,
  jobid: jobId,
  sink,
  mode,
  "primary-key": primaryKey,
  columns,
});

/** `limit`, `offset`, and `order`: columns between commas, `-` before one that falls. */
function queryOf(c: Context): TableQuery {
  return {
    table: c.req.param("table") ?? "",
    limit: countOf(c, "limit", LIMIT_DEFAULT, 1, LIMIT_MAX),
    offset: countOf(c, "offset", 0, 0, Number.MAX_SAFE_INTEGER),
    order: orderOf(c.req.query("order")),
  };
}

function countOf(c: Context, name: string, otherwise: number, least: number, most: number): number {
  const text = c.req.query(name);
  if (text === undefined) return otherwise;
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  const message = `${name}=${text.slice(0, 40)} is not a whole number from ${least} to ${most}`;
  throw userError("query_invalid", `query ${name}`, message);
}

function orderOf(text: string | undefined): TableQuery["order"] {
  if (text === undefined) return [];
  const parts = text.split(",");
  if (parts.length > ORDER_MAX || parts.some((one) => !/^-?[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(one))) {
    const message = `order=${text.slice(0, 80)} is not understood: up to ${ORDER_MAX} columns between commas, "-" before one that falls`;
    throw userError("query_invalid", "query order", message);
  }
  return parts.map((one) => ({ column: one.replace(/^-/, ""), descending: one.startsWith("-") }));
}

function answerPage(c: Context, page: TablePage): Answer {
  c.header("Content-Type", "application/json");
  return c.body(pageJson(page));
}

export function pageJson(page: TablePage): string {
  const head = JSON.stringify(tableJson(page));
  const names = page.columns.map((column) => `${JSON.stringify(column.name)}:`);
  const rows = page.rows.map(
    (row) =>
      `{${row.map((cell, index) => `${names[index]}${cellJson(cell, page.columns[index] as TableColumn)}`).join(",")}}`,
  );
  return `${head.slice(0, -1)},"rows":[${rows.join(",")}],"more":${page.more}}`;
}

/** Integers as they are: JSON has no limit on digits, only some of its readers do. */
function cellJson(cell: TableCell, { type }: TableColumn): string {
  if ((type === "i64" || type === "timestamp") && typeof cell === "string" && /^-?[0-9]+$/.test(cell)) return cell;
  if (typeof cell === "number" && !Number.isFinite(cell)) return JSON.stringify(String(cell));
  return JSON.stringify(cell);
}
