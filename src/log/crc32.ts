// CRC-32 (IEEE 802.3, reflected, polynomial 0xEDB88320), four bytes at a step by four tables.
// It finds bytes that a disk or a store changed; it is no protection against a forger.

const tables = buildTables();

function buildTables(): Uint32Array {
  const built = new Uint32Array(1024);
  for (let byte = 0; byte < 256; byte++) {
    let rest = byte;
    for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1;
    built[byte] = rest;
  }
  for (let byte = 0; byte < 256; byte++) {
    for (let table = 1; table < 4; table++) {
      const before = built[(table - 1) * 256 + byte] as number;
      built[table * 256 + byte] = (before >>> 8) ^ (built[before & 255] as number);
    }
  }
  return built;
}

export function crc32(bytes: Uint8Array): number {
  const length = bytes.byteLength;
  const whole = length & ~3;
  let rest = 0xffffffff;
  let at = 0;
  for (; at < whole; at += 4) {
    rest ^=
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    rest =
      (tables[768 + (rest & 255)] as number) ^
      (tables[512 + ((rest >>> 8) & 255)] as number) ^
      (tables[256 + ((rest >>> 16) & 255)] as number) ^
      (tables[rest >>> 24] as number);
  }
  for (; at < length; at++) rest = (rest >>> 8) ^ (tables[(rest ^ (bytes[at] as number)) & 255] as number);
  return ~rest >>> 0;
}
