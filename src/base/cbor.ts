// CBOR in and out, through cbor-x, with the untrusted direction guarded.
// cbor-x trusts lengths and recurses without bound, so `decodeCbor` first walks the bytes itself and refuses
// what is truncated, too deep, indefinite, tagged beyond typed arrays, or has bytes left over.

import { Encoder } from "#cbor";
import type { Bytes } from "./bytes.ts";
import { corruptionError } from "./errors.ts";

const DEPTH_MAX = 16;

const codec = new Encoder({ useRecords: false, mapsAsObjects: true, variableMapSize: true, tagUint8Array: false });

/** Plain data, Uint8Array and 64-bit typed arrays (RFC 8746 tags) to bytes of their own. */
export function encodeCbor(value: unknown): Bytes {
  return new Uint8Array(codec.encode(value));
}

/** The value of exactly these bytes; throws `cbor_corrupt` naming `where` for anything else. */
export function decodeCbor(bytes: Uint8Array, where: string): unknown {
  const end = skipItem(bytes, 0, where, 0);
  if (end !== bytes.byteLength) throw corrupt(where, `${bytes.byteLength - end} bytes after the value`);
  try {
    return codec.decode(bytes);
  } catch (error) {
    throw corruptionError("cbor_corrupt", where, `not readable as CBOR: ${String(error)}`, { cause: error });
  }
}

/** Length in bytes of the first CBOR item, or undefined where `bytes` ends inside it. */
export function cborItemLength(bytes: Uint8Array, offset: number, where: string): number {
  return skipItem(bytes, offset, where, 0) - offset;
}

const corrupt = (where: string, why: string) => corruptionError("cbor_corrupt", where, `not valid CBOR: ${why}`);

function skipItem(bytes: Uint8Array, at: number, where: string, depth: number): number {
  if (depth > DEPTH_MAX) throw corrupt(where, `nested deeper than ${DEPTH_MAX} levels at byte ${at}`);
  const head = readHead(bytes, at, where);
  switch (head.major) {
    case 0:
    case 1:
    case 7:
      return head.next;
    case 2:
    case 3:
      if (head.argument > bytes.byteLength - head.next) throw corrupt(where, `truncated at byte ${at}`);
      return head.next + head.argument;
    case 4:
    case 5:
      return skipItems(bytes, head, where, depth);
    default:
      // Tags 64..87 are RFC 8746 typed arrays over one byte string; no other tag is ever written.
      if (head.argument < 64 || head.argument > 87)
        throw corrupt(where, `unexpected tag ${head.argument} at byte ${at}`);
      if ((bytes[head.next] ?? 0) >>> 5 !== 2) throw corrupt(where, `a typed array without bytes at byte ${at}`);
      return skipItem(bytes, head.next, where, depth + 1);
  }
}

function skipItems(bytes: Uint8Array, head: Head, where: string, depth: number): number {
  const count = head.major === 5 ? head.argument * 2 : head.argument;
  if (count > bytes.byteLength - head.next)
    throw corrupt(where, `a count of ${count} beyond the end at byte ${head.next}`);
  let next = head.next;
  for (let index = 0; index < count; index++) {
    if (head.major === 5 && index % 2 === 0 && (bytes[next] ?? 0) >>> 5 !== 3) {
      throw corrupt(where, `a map key that is not text at byte ${next}`);
    }
    next = skipItem(bytes, next, where, depth + 1);
  }
  return next;
}

interface Head {
  readonly major: number;
  readonly argument: number;
  readonly next: number;
}

function readHead(bytes: Uint8Array, at: number, where: string): Head {
  const first = bytes[at];
  if (first === undefined) throw corrupt(where, `truncated at byte ${at}`);
  const major = first >>> 5;
  const info = first & 31;
  if (info < 24) return { major, argument: info, next: at + 1 };
  if (info > 27) throw corrupt(where, `an indefinite or reserved length at byte ${at}`);
  const width = 1 << (info - 24);
  if (at + 1 + width > bytes.byteLength) throw corrupt(where, `truncated at byte ${at}`);
  let argument = 0;
  for (let index = 0; index < width; index++) argument = argument * 256 + (bytes[at + 1 + index] as number);
  return { major, argument, next: at + 1 + width };
}
