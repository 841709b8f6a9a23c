// Small helpers over byte arrays: text, hex, joining.

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export type Bytes = Uint8Array<ArrayBuffer>;

/** Up to here a loop costs less than the call of the encoder. */
const SHORT_TEXT = 64;

export function utf8(text: string): Bytes {
  const { length } = text;
  if (length > SHORT_TEXT) return encoder.encode(text) as Bytes;
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) {
    const unit = text.charCodeAt(index);
    if (unit > 0x7f) return encoder.encode(text) as Bytes;
    bytes[index] = unit;
  }
  return bytes;
}

/** Strict: throws TypeError on bytes that are not UTF-8; a byte order mark is kept as text. */
export const textOf = (bytes: Uint8Array): string => decoder.decode(bytes);

const hexOfByte = Array.from({ length: 256 }, (_none, byte) => byte.toString(16).padStart(2, "0"));

export function hexOf(bytes: Uint8Array): string {
  let text = "";
  for (let index = 0; index < bytes.length; index++) text += hexOfByte[bytes[index] as number];
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
