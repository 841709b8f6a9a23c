// What TypeScript knows of columns in the builder: a stream's type is an object from column name to type,
// `{ origin: "utf8", delay: "i64?" }`, where `?` marks a column that can be null.

import type { DataType } from "../batch/schema.ts";

export type ColumnType = DataType | `${DataType}?`;
export type Columns = Readonly<Record<string, ColumnType>>;

export type TypeIn<Column> = Column extends `${infer Type extends DataType}?`
  ? Type
  : Column extends DataType
    ? Column
    : never;
export type CanBeNull<Column> = Column extends `${string}?` ? true : false;
export type ColumnOf<Type extends DataType, Null extends boolean> = true extends Null ? `${Type}?` : Type;
export type Or<Left extends boolean, Right extends boolean> = true extends Left | Right ? true : false;

/** Names of the columns of one of these types. */
export type NamesOf<In, Types extends ColumnType> = {
  [Name in keyof In]: In[Name] extends Types ? Name : never;
}[keyof In] &
  string;

export type Nullable<Type extends DataType> = Type | `${Type}?`;
export type NumberColumn = Nullable<"i64" | "f64">;
export type OrderedColumn = Nullable<"i64" | "f64" | "timestamp">;
export type KeyColumn = Nullable<"i64" | "bool" | "utf8" | "timestamp">;

/** One readable object type instead of an intersection. */
export type Flat<Type> = { readonly [Name in keyof Type]: Type[Name] };
