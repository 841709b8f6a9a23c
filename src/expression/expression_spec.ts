// Expressions as a user writes them: plain JSON, never code. `check_expression.ts` gives them types.

/** What a call can be made of; `operators.ts` says what each one takes and gives. */
export type OperatorName =
  | "eq"
  | "ne"
  | "lt"
  | "le"
  | "gt"
  | "ge"
  | "and"
  | "or"
  | "not"
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "mod"
  | "neg"
  | "is_null"
  | "is_not_null"
  | "if"
  | "coalesce"
  | "cast"
  | "length";

export type CastTarget = "i64" | "f64" | "timestamp";

/** A plain number without a fraction is an i64, any other an f64. */
export type LiteralSpec =
  | null
  | boolean
  | number
  | string
  /** An i64 beyond 2^53, digit for digit. */
  | { readonly i64: string }
  /** An f64 whatever it looks like: `{"f64": 1}`, `{"f64": "NaN"}`. */
  | { readonly f64: number | "NaN" | "Infinity" | "-Infinity" | "-0" }
  /** ISO 8601 in UTC (`2001-01-31T06:00:00Z`) or milliseconds since the Unix epoch. */
  | { readonly timestamp: string | number };

export interface ColumnSpec {
  readonly col: string;
}

export interface CallSpec {
  readonly op: OperatorName;
  readonly args: readonly ExpressionSpec[];
  /** For `cast` only. */
  readonly to?: CastTarget;
}

export type ExpressionSpec = LiteralSpec | ColumnSpec | CallSpec;
