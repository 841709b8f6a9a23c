// Columns as the builder's types name them, `{ delay: "i64?" }`, to fields as specs and schemas have them.

import type { DataType, Field } from "../batch/schema.ts";
import type { Columns } from "./column_types.ts";

export const fieldsOf = (columns: Columns): Field[] =>
  Object.entries(columns).map(([name, type]) => {
    const nullable = type.endsWith("?");
    return { name, type: (nullable ? type.slice(0, -1) : type) as DataType, nullable };
  });
