// Plain JSON data: what positions, split details and operator scalars are made of.

/** Integers stay below 2^53 so that every runtime and format keeps them exactly. */
export type PlainData = null | boolean | number | string | readonly PlainData[] | { readonly [key: string]: PlainData };
