// An expression as people write it, for error messages: `delay / (distance - 1)`.

import type { Value } from "../batch/record_batch.ts";
import type { OperatorName } from "./expression_spec.ts";
import type { CallNode, TypedExpression } from "./typed_expression.ts";

const INFIX: Readonly<Partial<Record<OperatorName, string>>> = {
  eq: "=",
  ne: "<>",
  lt: "<",
  le: "<=",
  gt: ">",
  ge: ">=",
  and: "and",
  or: "or",
  add: "+",
  sub: "-",
  mul: "*",
  div: "/",
  mod: "%",
};

const TEXT_MAX = 200;

export function expressionText(expression: TypedExpression): string {
  const text = render(expression);
  return text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX)}…`;
}

function render(expression: TypedExpression): string {
  if (expression.kind === "column") return expression.name;
  if (expression.kind === "literal") return valueText(expression.value);
  return renderCall(expression);
}

function renderCall({ op, args, type }: CallNode): string {
  const infix = INFIX[op];
  if (infix !== undefined) return args.map(renderArgument).join(` ${infix} `);
  const first = args[0] === undefined ? "" : renderArgument(args[0]);
  if (op === "not") return `not ${first}`;
  if (op === "neg") return `-${first}`;
  if (op === "is_null") return `${first} is null`;
  if (op === "is_not_null") return `${first} is not null`;
  const list = args.map(render).join(", ");
  return op === "cast" ? `cast(${list} as ${type})` : `${op}(${list})`;
}

function renderArgument(expression: TypedExpression): string {
  const simple = expression.kind !== "call" || ["if", "coalesce", "cast", "length"].includes(expression.op);
  return simple ? render(expression) : `(${render(expression)})`;
}

/** Text in quotes and cut, everything else in full. */
export function valueText(value: Value): string {
  if (typeof value !== "string") return String(value);
  return JSON.stringify(value.length <= 40 ? value : `${value.slice(0, 40)}…`);
}
