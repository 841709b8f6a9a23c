// Expressions after checking: every node knows its type and whether it can be null, columns are positions.
// Invariant: the arguments of a call have exactly the types its operation takes; conversions are explicit `cast` nodes.

import { present } from "../base/assert.ts";
import type { Value } from "../batch/record_batch.ts";
import type { DataType } from "../batch/schema.ts";
import type { OperatorName } from "./expression_spec.ts";

export interface ColumnNode {
  readonly kind: "column";
  /** Position in the input's schema. */
  readonly index: number;
  readonly name: string;
  readonly type: DataType;
  readonly nullable: boolean;
}

export interface LiteralNode {
  readonly kind: "literal";
  readonly value: Value;
  readonly type: DataType;
  readonly nullable: boolean;
}

export interface CallNode {
  readonly kind: "call";
  readonly op: OperatorName;
  readonly args: readonly TypedExpression[];
  readonly type: DataType;
  readonly nullable: boolean;
}

export type TypedExpression = ColumnNode | LiteralNode | CallNode;

/** Positions of all columns that the expression reads, added to `into`. */
export function collectColumns(expression: TypedExpression, into: Set<number>): void {
  if (expression.kind === "column") into.add(expression.index);
  else if (expression.kind === "call") for (const one of expression.args) collectColumns(one, into);
}

/** The same expression over a schema whose columns stand elsewhere: `positions.get(old)` is the new position. */
export function moveColumns(expression: TypedExpression, positions: ReadonlyMap<number, number>): TypedExpression {
  if (expression.kind === "literal") return expression;
  if (expression.kind === "column") {
    return {
      ...expression,
      index: present(positions.get(expression.index), `column ${expression.name}, which is read,`),
    };
  }
  return { ...expression, args: expression.args.map((one) => moveColumns(one, positions)) };
}
