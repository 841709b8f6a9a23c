// CRC-32 (IEEE 802.3, reflected, polynomial 0xEDB88320), eight bytes at a step by eight tables.
// It finds bytes that a disk or a store changed; it is no protection against a forger.

/** Table t at 256 t: what a byte becomes after t more zero bytes. */
const tables = buildTables();

function buildTables(): Int32Array {
  const built = new Int32Array(2048);
  for (let byte = 0; byte < 256; byte++) {
    let rest = byte;
    for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1;
    built[byte] = rest;
  }
  for (let byte = 0; byte < 256; byte++) {
    for (let table = 1; table < 8; table++) {
      const before = built[(table - 1) * 256 + byte] as number;
      built[table * 256 + byte] = (before >>> 8) ^ (built[before & 255] as number);
    }
  }
  return built;
}

export function crc32(bytes: Uint8Array): number {
  const length = bytes.byteLength;
  const whole = length & ~7;
  const at = (table: number, byte: number): number => tables[table + byte] as number;
  let rest = -1;
  let index = 0;
  for (; index < whole; index += 8) {
    rest ^=
      (bytes[index] as number) |
      ((bytes[index + 1] as number) << 8) |
      ((bytes[index + 2] as number) << 16) |
      ((bytes[index + 3] as number) << 24);
    rest =
      at(1792, rest & 255) ^
      at(1536, (rest >>> 8) & 255) ^
      at(1280, (rest >>> 16) & 255) ^
      at(1024, rest >>> 24) ^
      at(768, bytes[index + 4] as number) ^
      at(512, bytes[index + 5] as number) ^
      at(256, bytes[index + 6] as number) ^
      at(0, bytes[index + 7] as number);
  }
  for (; index < length; index++) rest = (rest >>> 8) ^ at(0, (rest ^ (bytes[index] as number)) & 255);
  return ~rest >>> 0;
}
