// Expressions in the builder: `delay.gt(15)`, `when(origin.eq("JFK"), 1, 0)`. Each carries its type for TypeScript
// and its JSON form for the spec; nothing is computed here.

import type { DataType } from "../batch/schema.ts";
import type { CallSpec, CastTarget, ExpressionSpec, OperatorName } from "../expression/expression_spec.ts";
import type { Or } from "./column_types.ts";

/** A value or an expression. Whole numbers and bigints are i64, other numbers f64. */
export type Operand = Typed | number | bigint | boolean | string;

/** Any expression; `Typed<"i64", false>` one of that type that is never null. */
export type Typed<Type extends DataType = DataType, Null extends boolean = boolean> = TypedColumn<Type, Null>;

/** `15` is an i64 and `1.5` an f64; a `number` that TypeScript does not know may be either. */
type NumberType<Value extends number> = number extends Value
  ? "i64" | "f64"
  : `${Value}` extends `${bigint}`
    ? "i64"
    : "f64";

export type TypeOf<Given> =
  Given extends TypedColumn<infer Type, infer _Null>
    ? Type
    : Given extends number
      ? NumberType<Given>
      : Given extends bigint
        ? "i64"
        : Given extends boolean
          ? "bool"
          : Given extends string
            ? "utf8"
            : never;
export type NullOf<Given> = Given extends TypedColumn<infer _Type, infer Null> ? Null : false;

type AnyNumber = number | bigint | Typed<"i64" | "f64">;
/** What a value of the type can be compared with. */
type Comparable<Type extends DataType> = Type extends "i64" | "f64"
  ? AnyNumber
  : Type extends "utf8"
    ? string | Typed<"utf8">
    : Type extends "bool"
      ? boolean | Typed<"bool">
      : Typed<"timestamp">;
type Ordered = Exclude<DataType, "bool">;
type Milliseconds = number | bigint | Typed<"i64">;
type Addable<Type extends DataType> = Type extends "i64"
  ? AnyNumber | Typed<"timestamp">
  : Type extends "f64"
    ? AnyNumber
    : Type extends "timestamp"
      ? Milliseconds
      : never;
type Subtractable<Type extends DataType> = Type extends "i64" | "f64"
  ? AnyNumber
  : Type extends "timestamp"
    ? Milliseconds | Typed<"timestamp">
    : never;
type Sum<Left, Right> = Left extends "timestamp"
  ? "timestamp"
  : Right extends "timestamp"
    ? "timestamp"
    : Left extends "i64"
      ? Right extends "i64"
        ? "i64"
        : "f64"
      : "f64";
type Difference<Left, Right> = Left extends "timestamp"
  ? Right extends "timestamp"
    ? "i64"
    : "timestamp"
  : Sum<Left, Right>;
type Castable<Type extends DataType> = {
  i64: CastTarget;
  f64: "i64" | "f64";
  bool: "i64" | "f64";
  timestamp: "i64" | "timestamp";
  utf8: never;
}[Type];

type Truth<Null extends boolean, Given> = TypedColumn<"bool", Or<Null, NullOf<Given>>>;

export class TypedColumn<Type extends DataType, Null extends boolean> {
  /** For TypeScript alone: keeps columns of different types apart. */
  declare protected readonly type: Type;
  declare protected readonly canBeNull: Null;
  readonly spec: ExpressionSpec;

  constructor(spec: ExpressionSpec) {
    this.spec = spec;
  }

  eq<Given extends Comparable<Type>>(other: Given): Truth<Null, Given> {
    return make("eq", this, other);
  }
  ne<Given extends Comparable<Type>>(other: Given): Truth<Null, Given> {
    return make("ne", this, other);
  }
  lt<Given extends Comparable<Type & Ordered>>(this: Typed<Ordered>, other: Given): Truth<Null, Given> {
    return make("lt", this, other);
  }
  le<Given extends Comparable<Type & Ordered>>(this: Typed<Ordered>, other: Given): Truth<Null, Given> {
    return make("le", this, other);
  }
  gt<Given extends Comparable<Type & Ordered>>(this: Typed<Ordered>, other: Given): Truth<Null, Given> {
    return make("gt", this, other);
  }
  ge<Given extends Comparable<Type & Ordered>>(this: Typed<Ordered>, other: Given): Truth<Null, Given> {
    return make("ge", this, other);
  }

  and<Given extends boolean | Typed<"bool">>(this: Typed<"bool">, other: Given): Truth<Null, Given> {
    return make("and", this, other);
  }
  or<Given extends boolean | Typed<"bool">>(this: Typed<"bool">, other: Given): Truth<Null, Given> {
    return make("or", this, other);
  }
  not(this: Typed<"bool">): TypedColumn<"bool", Null> {
    return make("not", this);
  }

  add<const Given extends Addable<Type>>(other: Given): TypedColumn<Sum<Type, TypeOf<Given>>, Or<Null, NullOf<Given>>> {
    return make("add", this, other);
  }
  sub<const Given extends Subtractable<Type>>(
    other: Given,
  ): TypedColumn<Difference<Type, TypeOf<Given>>, Or<Null, NullOf<Given>>> {
    return make("sub", this, other);
  }
  mul<const Given extends AnyNumber>(
    this: Typed<"i64" | "f64">,
    other: Given,
  ): TypedColumn<Sum<Type, TypeOf<Given>>, Or<Null, NullOf<Given>>> {
    return make("mul", this, other);
  }
  /** i64 by i64 drops the remainder; dividing an i64 by zero fails the job. */
  div<const Given extends AnyNumber>(
    this: Typed<"i64" | "f64">,
    other: Given,
  ): TypedColumn<Sum<Type, TypeOf<Given>>, Or<Null, NullOf<Given>>> {
    return make("div", this, other);
  }
  /** The remainder; it has the sign of this. */
  mod<const Given extends AnyNumber>(
    this: Typed<"i64" | "f64">,
    other: Given,
  ): TypedColumn<Sum<Type, TypeOf<Given>>, Or<Null, NullOf<Given>>> {
    return make("mod", this, other);
  }
  neg(this: Typed<"i64" | "f64">): TypedColumn<Type, Null> {
    return make("neg", this);
  }

  isNull(): TypedColumn<"bool", false> {
    return make("is_null", this);
  }
  isNotNull(): TypedColumn<"bool", false> {
    return make("is_not_null", this);
  }
  /** This, or the other where this is null. */
  orElse<const Given extends Comparable<Type>>(other: Given): TypedColumn<Common<Type | TypeOf<Given>>, NullOf<Given>> {
    return make("coalesce", this, other);
  }
  cast<To extends Castable<Type>>(to: To): TypedColumn<To, Null> {
    return new TypedColumn({ op: "cast", args: [this.spec], to });
  }
  /** In Unicode code points. */
  length(this: Typed<"utf8">): TypedColumn<"i64", Null> {
    return make("length", this);
  }
}

/** Mixed numbers become f64; a single type stays. */
type Common<Types extends DataType> = "i64" | "f64" extends Types ? "f64" : Types;

function make<Type extends DataType, Null extends boolean>(
  op: OperatorName,
  ...args: Operand[]
): TypedColumn<Type, Null> {
  const call: CallSpec = { op, args: args.map(specOf) };
  return new TypedColumn<Type, Null>(call);
}

/** The JSON form; what JSON numbers do not keep is written out. */
export function specOf(operand: Operand): ExpressionSpec {
  if (operand instanceof TypedColumn) return operand.spec;
  if (typeof operand === "bigint")
    return Number.isSafeInteger(Number(operand)) ? Number(operand) : { i64: String(operand) };
  if (typeof operand !== "number") return operand;
  if (Object.is(operand, -0)) return { f64: "-0" };
  if (!Number.isFinite(operand)) return { f64: String(operand) as "NaN" | "Infinity" | "-Infinity" };
  if (!Number.isInteger(operand) || Number.isSafeInteger(operand)) return operand;
  return BigInt.asIntN(64, BigInt(operand)) === BigInt(operand) ? { i64: String(BigInt(operand)) } : { f64: operand };
}

/** A value as an expression: `lit("none").eq(origin)`. */
export const lit = <const Value extends number | bigint | boolean | string>(
  value: Value,
): TypedColumn<TypeOf<Value>, false> => new TypedColumn(specOf(value));

/** A number as an f64, whole or not. */
export const f64 = (value: number): TypedColumn<"f64", false> => {
  const spec = specOf(value);
  return new TypedColumn(
    typeof spec === "number" || (typeof spec === "object" && spec !== null && "i64" in spec) ? { f64: value } : spec,
  );
};

/** ISO 8601 in UTC (`2001-01-31T06:00:00Z`) or milliseconds since the Unix epoch. */
export const timestamp = (instant: string | number): TypedColumn<"timestamp", false> =>
  new TypedColumn({ timestamp: instant });

/** A null of a type. */
export const nothing = <Type extends CastTarget>(type: Type): TypedColumn<Type, true> =>
  new TypedColumn({ op: "cast", args: [null], to: type });

/** The first value where the condition is true, else the second (also where the condition is null). */
export function when<const Yes extends Operand, const No extends Comparable<TypeOf<Yes>>>(
  condition: boolean | Typed<"bool">,
  yes: Yes,
  no: No,
): TypedColumn<Common<TypeOf<Yes> | TypeOf<No>>, Or<NullOf<Yes>, NullOf<No>>> {
  return make("if", condition, yes, no);
}
