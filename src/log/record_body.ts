// Between bodies of HTTP messages and records. The content type of a log says how:
//
//   application/json       a list is one record an element, any other value is one record; read back as one list
//   application/x-ndjson   one record a line; read back as lines
//   anything else          one record a body; read back joined
//
// Both JSON kinds hold the same records, so either may be appended to either.

import { type Bytes, concatBytes, utf8 } from "../base/bytes.ts";
import { type LogPage, ndjsonOf, recordsOf } from "../connectors/log_store.ts";
import { checkUtf8, JsonText } from "./json_text.ts";
import { mediaTypeOf } from "./media_type.ts";

export type BodyKind = "json" | "ndjson" | "bytes";

export function bodyKindOf(contentType: string): BodyKind {
  const type = mediaTypeOf(contentType);
  if (type === "application/json") return "json";
  return type === "application/x-ndjson" || type === "application/ndjson" ? "ndjson" : "bytes";
}

/** True where a body of type `sent` may be appended to a log of type `kept`. */
export function fitsLog(sent: string, kept: string): boolean {
  if (mediaTypeOf(sent) === mediaTypeOf(kept)) return true;
  return bodyKindOf(sent) !== "bytes" && bodyKindOf(kept) !== "bytes";
}

/** The records of a body; views into it. Refuses with `invalid_json` or `invalid_utf8`, naming the byte. */
export function splitBody(contentType: string, body: Bytes, where: string): Bytes[] {
  if (body.byteLength === 0) return [];
  const kind = bodyKindOf(contentType);
  if (kind === "bytes") return [body];
  checkUtf8(body, where);
  const text = new JsonText(body, where);
  const spans = kind === "json" ? text.records() : text.lines();
  return spans.map((span) => body.subarray(span.start, span.end));
}

/** A page as the body of an answer. */
export function joinPage(contentType: string, page: LogPage): Bytes {
  switch (bodyKindOf(contentType)) {
    case "bytes":
      return concatBytes(recordsOf(page));
    case "ndjson":
      return concatBytes(page.chunks.map(ndjsonOf));
    case "json":
      return jsonList(page);
  }
}

/** The separators of the stored records become commas, the last of them the closing bracket. */
function jsonList(page: LogPage): Bytes {
  if (page.chunks.length === 0) return utf8("[]");
  const list = concatBytes([utf8("["), ...page.chunks.map((chunk) => chunk.bytes)]);
  let offset = 1;
  for (const chunk of page.chunks) {
    for (const length of chunk.lengths) {
      offset += length;
      list[offset++] = 0x2c;
    }
  }
  list[list.byteLength - 1] = 0x5d;
  return list;
}
