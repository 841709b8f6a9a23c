// Small helpers over byte arrays: text, hex, joining.

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export type Bytes = Uint8Array<ArrayBuffer>;

export const utf8 = (text: string): Bytes => encoder.encode(text) as Bytes;

/** Strict: throws TypeError on bytes that are not UTF-8; a byte order mark is kept as text. */
export const textOf = (bytes: Uint8Array): string => decoder.decode(bytes);

export function hexOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

/** @param text pairs of hex digits. */
export const bytesOfHex = (text: string): Bytes =>
  Uint8Array.from({ length: text.length / 2 }, (_none, index) =>
    Number.parseInt(text.slice(index * 2, index * 2 + 2), 16),
  );

export function concatBytes(parts: readonly Uint8Array[]): Bytes {
  let length = 0;
  for (const part of parts) length += part.byteLength;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.byteLength;
  }
  return joined;
}

export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.byteLength !== right.byteLength) return false;
  for (let index = 0; index < left.byteLength; index++) {
    if (left[index] !== right[index]) return false;
  }
  return true;
}

/** Rounds up to the next multiple of 8, the alignment of every column buffer. */
export const align8 = (byteCount: number): number => (byteCount + 7) & ~7;
