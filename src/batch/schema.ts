// What a batch's columns are: names, types, nullability.

/**
 * `i64`: 64-bit signed. `f64`: IEEE double. `bool`. `utf8`: text. `timestamp`: i64 milliseconds since the Unix epoch, UTC.
 */
export type DataType = "i64" | "f64" | "bool" | "utf8" | "timestamp";

export interface Field {
  readonly name: string;
  readonly type: DataType;
  readonly nullable: boolean;
}

export type Schema = readonly Field[];

export const field = (name: string, type: DataType, nullable = false): Field => ({ name, type, nullable });

/** Position of the named column, or -1. */
export const columnIndex = (schema: Schema, name: string): number => schema.findIndex((one) => one.name === name);

export function equalSchemas(left: Schema, right: Schema): boolean {
  if (left.length !== right.length) return false;
  return left.every((one, index) => {
    const other = right[index] as Field;
    return one.name === other.name && one.type === other.type && one.nullable === other.nullable;
  });
}
