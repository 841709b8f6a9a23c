// The table by which the number kernel (`kernels/ndjson/number.ts`) turns decimal numbers into doubles:
//
//   OFFSET  SIZE       DESCRIPTION
//   0       23 * 8     10^0 .. 10^22 as f64: exactly the powers of ten that are doubles
//   184     651 * 16   5^q for q = -342 .. 308, the first 128 bits from the highest one bit on, high half first;
//                      positive powers are cut, negative ones rounded up
//
// Computed rather than written down: it takes about a millisecond, once a process.

const EXACT_POWERS = 23;
const SMALLEST = -342;
const LARGEST = 308;

export const POWERS_BYTES: number = EXACT_POWERS * 8 + (LARGEST - SMALLEST + 1) * 16;

const BITS = 128n;
const ONE = 1n;
let table: Uint8Array<ArrayBuffer> | undefined;

export function powersTable(): Uint8Array<ArrayBuffer> {
  table ??= computeTable();
  return table;
}

function computeTable(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(POWERS_BYTES);
  const view = new DataView(bytes.buffer);
  let exact = 1;
  for (let power = 0; power < EXACT_POWERS; power++, exact *= 10) view.setFloat64(power * 8, exact, true);
  let five = ONE;
  for (let q = 0; q <= LARGEST; q++, five *= 5n) put(view, q, leading(five));
  five = 5n;
  for (let q = -1; q >= SMALLEST; q--, five *= 5n) put(view, q, reciprocal(five));
  return bytes;
}

function put(view: DataView, q: number, value: bigint): void {
  const at = EXACT_POWERS * 8 + (q - SMALLEST) * 16;
  view.setBigUint64(at, value >> 64n, true);
  view.setBigUint64(at + 8, value & 0xffffffffffffffffn, true);
}

const bitLength = (value: bigint): bigint => BigInt(value.toString(16).length) * 4n - leadingZeros(value);

/** Zero bits above the highest one bit within its hexadecimal digit. */
function leadingZeros(value: bigint): bigint {
  const digit = Number.parseInt(value.toString(16)[0] as string, 16);
  return BigInt(Math.clz32(digit) - 28);
}

/** The highest 128 bits, filled up with zeros. */
function leading(value: bigint): bigint {
  const spare = BITS - bitLength(value);
  return spare >= 0n ? value << spare : value >> -spare;
}

/** The highest 128 bits of 1 / value, rounded up. */
function reciprocal(value: bigint): bigint {
  const shift = bitLength(value - ONE) + BITS - ONE;
  return (ONE << shift) / value + ONE;
}
