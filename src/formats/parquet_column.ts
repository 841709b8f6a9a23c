// One column of one row group: its bytes to pages of values.
//
//   column chunk   | header | dictionary page | header | data page | header | data page | …
//
// The headers are walked first: counts are used to allocate memory, and only what adds up is decoded.

import { parquetHeader, readColumn } from "hyparquet/src/column.js";
import { DEFAULT_PARSERS } from "hyparquet/src/convert.js";
import type { ColumnMetaData, SchemaElement } from "hyparquet/src/index.js";
import { getSchemaPath } from "hyparquet/src/schema.js";
import type { Decompressors } from "./parquet_codecs.ts";
import { type Page, parquetParsers } from "./parquet_values.ts";

export interface ChunkFacts {
  readonly schema: readonly SchemaElement[];
  readonly metadata: ColumnMetaData;
  readonly rows: number;
}

/** Where the chunk lies in the file. */
export function chunkRange({ dictionary_page_offset, data_page_offset, total_compressed_size }: ColumnMetaData) {
  // Some writers say 0 where there is no dictionary.
  const first = dictionary_page_offset === undefined || dictionary_page_offset === 0n;
  const start = Number(first ? data_page_offset : dictionary_page_offset);
  return { start, end: start + Number(total_compressed_size) };
}

/** Throws an Error that says what is wrong where the bytes are not such a chunk. */
export function decodeChunk(bytes: ArrayBuffer, chunk: ChunkFacts, compressors: Decompressors): readonly Page[] {
  const { schema, metadata, rows } = chunk;
  checkPages(bytes, rows);
  const schemaPath = getSchemaPath([...schema], metadata.path_in_schema);
  const element = schemaPath[schemaPath.length - 1]?.element;
  if (element === undefined || element.type !== metadata.type) {
    throw new Error(`the column is ${metadata.type} here and ${element?.type} in the schema`);
  }
  // Writers disagree whether the first value is signed, and the decoder would cut it to 31 bits.
  if (isUnsigned32(element) && metadata.encodings.includes("DELTA_BINARY_PACKED")) {
    throw new Error("unsigned 32-bit integers encoded as DELTA_BINARY_PACKED are not supported");
  }
  const { data } = readColumn(
    { view: new DataView(bytes), offset: 0 },
    { groupStart: 0, groupRows: rows, selectStart: 0, selectEnd: rows },
    {
      pathInSchema: metadata.path_in_schema,
      type: metadata.type,
      codec: metadata.codec,
      element,
      schemaPath,
      compressors,
      parsers: { ...DEFAULT_PARSERS, ...parquetParsers },
    },
  );
  const found = data.reduce((sum, page) => sum + page.length, 0);
  if (found !== rows) throw new Error(`there are ${found} values for ${rows} rows`);
  return data;
}

function isUnsigned32({ converted_type: converted, logical_type: logical }: SchemaElement): boolean {
  if (logical?.type === "INTEGER") return logical.bitWidth === 32 && !logical.isSigned;
  return converted === "UINT_32";
}

function checkPages(bytes: ArrayBuffer, rows: number): void {
  const reader = { view: new DataView(bytes), offset: 0 };
  let values = 0;
  while (values < rows && reader.offset < bytes.byteLength) {
    const header = parquetHeader(reader);
    const { compressed_page_size: stored, uncompressed_page_size: size, dictionary_page_header: dictionary } = header;
    if (!(stored >= 0 && size >= 0 && stored <= bytes.byteLength - reader.offset)) {
      throw new Error(`a page of ${stored} bytes begins ${bytes.byteLength - reader.offset} bytes before the end`);
    }
    if (dictionary !== undefined && !(dictionary.num_values >= 0 && dictionary.num_values <= size)) {
      throw new Error(`a dictionary of ${dictionary.num_values} entries in ${size} bytes`);
    }
    const data = header.data_page_header ?? header.data_page_header_v2;
    if (data !== undefined) {
      if (!(data.num_values >= 0)) throw new Error(`a page with ${data.num_values} values`);
      values += data.num_values;
    }
    reader.offset += stored;
  }
  if (values !== rows) throw new Error(`its pages have ${values} values for ${rows} rows`);
}
