// Names in SQL text: values are bound, names cannot be.

export const quotedName = (name: string): string => `"${name.replaceAll('"', '""')}"`;
