// Gives types to an expression, or says what is wrong with it. Nothing is evaluated, nothing nests beyond a limit.
// Invariant: a result is well typed in the sense of `typed_expression.ts`; every refusal adds a problem.

import { columnIndex, type DataType, type Field, type Schema } from "../batch/schema.ts";
import { checkF64, checkI64, checkPrimitive, checkTimestamp, literal } from "./check_literal.ts";
import type { CastTarget, OperatorName } from "./expression_spec.ts";
import * as rules from "./operators.ts";
import { allOf, anyOf, didYouMean, oneOf, type Problem, show } from "./problem.ts";
import type { CallNode, TypedExpression } from "./typed_expression.ts";

interface Scope {
  readonly schema: Schema;
  readonly problems: Problem[];
  /** Of the whole expression. */
  readonly path: string;
  nodes: number;
  /** A limit was broken and reported; nothing more is looked at. */
  exceeded: boolean;
}

/** A bare `null`: its type comes from the alternatives beside it. */
const BARE_NULL = "null";
type Checked = TypedExpression | typeof BARE_NULL | undefined;

/** A caller shows fewer; looking on would only cost time. */
const PROBLEMS_ENOUGH = 1000;

const FORMS = 'a literal, {"col": "…"} or {"op": "…", "args": […]}';

/** Undefined where `problems` grew. */
export function checkExpression(
  input: unknown,
  schema: Schema,
  path: string,
  problems: Problem[],
): TypedExpression | undefined {
  const scope: Scope = { schema, problems, path, nodes: 0, exceeded: false };
  const checked = check(input, path, 1, scope);
  if (checked !== BARE_NULL) return checked;
  return refuse(scope, path, "null", 'a value with a type, such as {"op": "cast", "args": [null], "to": "i64"}');
}

function refuse(scope: Scope, path: string, found: string, expected: string): undefined {
  scope.problems.push({ path, found, expected });
  if (scope.problems.length >= PROBLEMS_ENOUGH) scope.exceeded = true;
  return undefined;
}

function exceed(scope: Scope, found: string, expected: string): undefined {
  scope.exceeded = true;
  return refuse(scope, scope.path, found, expected);
}

function check(input: unknown, path: string, depth: number, scope: Scope): Checked {
  scope.nodes++;
  if (scope.exceeded) return undefined;
  if (depth > rules.EXPRESSION_DEPTH_MAX) {
    return exceed(scope, "deeper nesting", `an expression of at most ${rules.EXPRESSION_DEPTH_MAX} levels`);
  }
  if (scope.nodes > rules.EXPRESSION_NODES_MAX) {
    return exceed(scope, "a longer expression", `one of at most ${rules.EXPRESSION_NODES_MAX} parts`);
  }
  if (input === null) return BARE_NULL;
  if (typeof input === "boolean" || typeof input === "number" || typeof input === "string") {
    return settle(checkPrimitive(input, path), scope);
  }
  if (typeof input !== "object" || Array.isArray(input)) return refuse(scope, path, show(input), FORMS);
  return checkObject(input as Record<string, unknown>, path, depth, scope);
}

function settle(outcome: TypedExpression | Problem, scope: Scope): TypedExpression | undefined {
  if ("kind" in outcome) return outcome;
  scope.problems.push(outcome);
  return undefined;
}

const HEADS = ["col", "op", "i64", "f64", "timestamp"] as const;

function checkObject(input: Record<string, unknown>, path: string, depth: number, scope: Scope): Checked {
  const head = HEADS.find((name) => Object.hasOwn(input, name));
  if (head === undefined) {
    const first = Object.keys(input)[0] ?? "";
    return refuse(scope, path, show(input), `${FORMS}${didYouMean(first, [...HEADS])}`);
  }
  const allowed = head === "op" ? ["op", "args", ...(input["op"] === "cast" ? ["to"] : [])] : [head];
  const extra = Object.keys(input).filter((key) => !allowed.includes(key));
  for (const key of extra) {
    const expected = `no such field; ${head === "op" ? "a call" : "this form"} has ${allOf(allowed)}`;
    refuse(scope, `${path}.${key}`, show(input[key]), `${expected}${didYouMean(key, allowed)}`);
  }
  const value = input[head];
  switch (head) {
    case "col":
      return checkColumn(value, `${path}.col`, scope);
    case "i64":
      return settle(checkI64(value, `${path}.i64`), scope);
    case "f64":
      return settle(checkF64(value, `${path}.f64`), scope);
    case "timestamp":
      return settle(checkTimestamp(value, `${path}.timestamp`), scope);
    case "op":
      return checkCall(input, path, depth, scope);
  }
}

function checkColumn(name: unknown, path: string, scope: Scope): TypedExpression | undefined {
  const index = typeof name === "string" ? columnIndex(scope.schema, name) : -1;
  if (index < 0) return refuse(scope, path, show(name), columnHint(name, scope.schema));
  const { type, nullable } = scope.schema[index] as Field;
  return { kind: "column", index, name: name as string, type, nullable };
}

/** What to write instead of a column that does not exist. */
export function columnHint(name: unknown, schema: Schema): string {
  const names = schema.map((one) => one.name);
  if (names.length === 0) return "a column of the input, which has none";
  return `a column of the input: ${oneOf(names)}${typeof name === "string" ? didYouMean(name, names) : ""}`;
}

function checkCall(input: Record<string, unknown>, path: string, depth: number, scope: Scope): Checked {
  const op = rules.operatorNames.find((name) => name === input["op"]);
  if (op === undefined) {
    const near = typeof input["op"] === "string" ? didYouMean(input["op"], rules.operatorNames) : "";
    return refuse(scope, `${path}.op`, show(input["op"]), `${oneOf(rules.operatorNames)}${near}`);
  }
  const args = input["args"];
  const [least, most] = rules.arity[op];
  if (!Array.isArray(args) || args.length < least || args.length > most) {
    const count = least === most ? `${least}` : `${least} to ${most}`;
    return refuse(scope, `${path}.args`, show(args), `a list of ${count} argument${most === 1 ? "" : "s"} for ${op}`);
  }
  const checked = args.map((one, index) => check(one, `${path}.args[${index}]`, depth + 1, scope));
  if (op === "cast") return checkCast(input["to"], checked[0], path, scope);
  if (checked.includes(undefined)) return undefined;
  if (op === "if" || op === "coalesce") return checkChoice(op, checked as Exclude<Checked, undefined>[], path, scope);
  const typed: TypedExpression[] = [];
  for (const [index, one] of checked.entries()) {
    if (one === BARE_NULL)
      refuse(scope, `${path}.args[${index}]`, "null", 'something else: use "is_null" to look for nulls');
    else if (one !== undefined) typed.push(one);
  }
  return typed.length === args.length ? typeCall(op, typed, path, scope) : undefined;
}

const anyNullable = (args: readonly TypedExpression[]): boolean => args.some((one) => one.nullable);

export const call = (
  op: OperatorName,
  args: readonly TypedExpression[],
  type: DataType,
  nullable: boolean,
): CallNode => ({
  kind: "call",
  op,
  args,
  type,
  nullable,
});

/** The expression as the wanted type; only called where the cast exists. */
function convert(expression: TypedExpression, to: DataType): TypedExpression {
  if (expression.type === to) return expression;
  if (expression.kind === "literal" && expression.type === "i64" && to === "f64" && expression.value !== null) {
    return literal("f64", Number(expression.value));
  }
  return call("cast", [expression], to, expression.nullable);
}

function checkCast(to: unknown, argument: Checked, path: string, scope: Scope): TypedExpression | undefined {
  const target = rules.castTargets.find((name) => name === to) as CastTarget | undefined;
  if (target === undefined) return refuse(scope, `${path}.to`, show(to), oneOf(rules.castTargets));
  if (argument === BARE_NULL) return literal(target, null);
  if (argument === undefined) return undefined;
  if (rules.canCast(argument.type, target)) return convert(argument, target);
  const from = (["i64", "f64", "bool", "timestamp"] as const).filter((type) => rules.canCast(type, target));
  return refuse(scope, `${path}.args[0]`, describe(argument), `${anyOf(from)}, which can be cast to ${target}`);
}

/** `utf8 (column "origin")`. */
function describe(expression: TypedExpression): string {
  if (expression.kind === "column") return `${expression.type} (column ${JSON.stringify(expression.name)})`;
  if (expression.kind === "literal") return `${expression.type} (${show(expression.value)})`;
  return `${expression.type} (result of ${expression.op})`;
}

function checkChoice(
  op: "if" | "coalesce",
  args: readonly Exclude<Checked, undefined>[],
  path: string,
  scope: Scope,
): TypedExpression | undefined {
  const first = op === "if" ? 1 : 0;
  let type: DataType | undefined;
  for (const [index, one] of args.entries()) {
    if (index < first || one === BARE_NULL) continue;
    const common = type === undefined ? one.type : rules.commonType(type, one.type);
    if (common === undefined)
      return refuse(scope, `${path}.args[${index}]`, describe(one), `${type} as the alternative before it`);
    type = common;
  }
  const condition = args[0];
  if (op === "if" && (condition === BARE_NULL || condition?.type !== "bool")) {
    const found = condition === BARE_NULL || condition === undefined ? "null" : describe(condition);
    return refuse(scope, `${path}.args[0]`, found, "a bool, the condition");
  }
  if (type === undefined)
    return refuse(scope, `${path}.args`, "only nulls", "at least one alternative that has a type");
  const alternatives: TypedExpression[] = [];
  for (const one of args.slice(first)) alternatives.push(one === BARE_NULL ? literal(type, null) : convert(one, type));
  if (op === "coalesce")
    return call(
      op,
      alternatives,
      type,
      alternatives.every((one) => one.nullable),
    );
  return call(op, [condition as TypedExpression, ...alternatives], type, anyNullable(alternatives));
}

function typeCall(op: OperatorName, args: TypedExpression[], path: string, scope: Scope): TypedExpression | undefined {
  switch (op) {
    case "and":
    case "or":
    case "not":
      return uniform(op, args, ["bool"], "bool", path, scope);
    case "length":
      return uniform(op, args, ["utf8"], "i64", path, scope);
    case "neg":
      return uniform(op, args, ["i64", "f64"], args[0]?.type ?? "i64", path, scope);
    case "is_null":
    case "is_not_null":
      return call(op, args, "bool", false);
    case "eq":
    case "ne":
    case "lt":
    case "le":
    case "gt":
    case "ge":
      return typeComparison(op, args as [TypedExpression, TypedExpression], path, scope);
    default:
      return typeArithmetic(op, args as [TypedExpression, TypedExpression], path, scope);
  }
}

function uniform(
  op: OperatorName,
  args: TypedExpression[],
  allowed: readonly DataType[],
  type: DataType,
  path: string,
  scope: Scope,
): TypedExpression | undefined {
  let fits = true;
  for (const [index, one] of args.entries()) {
    if (allowed.includes(one.type)) continue;
    fits = false;
    refuse(scope, `${path}.args[${index}]`, describe(one), `${anyOf(allowed)} for ${op}`);
  }
  return fits ? call(op, args, type, anyNullable(args)) : undefined;
}

type Pair = readonly [TypedExpression, TypedExpression];

function typeComparison(
  op: OperatorName,
  [left, right]: Pair,
  path: string,
  scope: Scope,
): TypedExpression | undefined {
  const common = rules.commonType(left.type, right.type);
  if (common === undefined) {
    const hint = left.type === "timestamp" && right.type === "utf8" ? ': write {"timestamp": "…"}' : "";
    return refuse(scope, `${path}.args[1]`, describe(right), `${left.type}, as ${describe(left)} before it${hint}`);
  }
  if (common === "bool" && op !== "eq" && op !== "ne") {
    return refuse(
      scope,
      `${path}.args[0]`,
      describe(left),
      `numbers, timestamps or texts for ${op}: bools have no order`,
    );
  }
  return call(op, [convert(left, common), convert(right, common)], "bool", left.nullable || right.nullable);
}

function typeArithmetic(
  op: OperatorName,
  [left, right]: Pair,
  path: string,
  scope: Scope,
): TypedExpression | undefined {
  const type = rules.arithmeticType(op, left.type, right.type);
  if (type === undefined) {
    const times = op === "add" || op === "sub" ? ", or a timestamp and an i64 of milliseconds" : "";
    return refuse(scope, `${path}.args`, `${describe(left)} and ${describe(right)}`, `two numbers for ${op}${times}`);
  }
  const nullable = left.nullable || right.nullable;
  if (type === "f64") return call(op, [convert(left, "f64"), convert(right, "f64")], "f64", nullable);
  return call(op, [left, right], type, nullable);
}
