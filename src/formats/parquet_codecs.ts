// Decompressors for Parquet pages. SNAPPY and no compression need nothing but the decoder itself; the others are loaded
// when a file needs them first, which keeps them (and a WASM module that they compile for themselves, which Workers
// forbid) out of processes that read no such file.

import { userError } from "../base/errors.ts";

type Decompress = (input: Uint8Array, outputLength: number) => Uint8Array;
export type Decompressors = Readonly<Record<string, Decompress>>;

const BUILT_IN = ["UNCOMPRESSED", "SNAPPY"];

/** What pages of this codec need. Refuses with `parquet_unsupported` what cannot be decompressed here. */
export async function decompressorsFor(codec: string, path: string): Promise<Decompressors> {
  if (BUILT_IN.includes(codec)) return {};
  const known = await load(codec, path);
  if (known[codec] !== undefined) return known;
  const names = [...new Set([...BUILT_IN, ...Object.keys(known)])].join(", ");
  throw userError("parquet_unsupported", path, `${path} is compressed with ${codec}; known are ${names}`);
}

async function load(codec: string, path: string): Promise<Decompressors> {
  try {
    const { compressors } = await import("hyparquet-compressors");
    return compressors as Decompressors;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw userError(
      "parquet_unsupported",
      path,
      `${path} is compressed with ${codec}, which this runtime cannot decompress (${why}); use SNAPPY or none`,
      { cause },
    );
  }
}
