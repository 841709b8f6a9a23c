// JSON numbers: their grammar, int64 digit for digit, and double with correct rounding.
//
// A double is found on the first of these paths that applies:
//   1. at most 2^53 as an integer and a power of ten up to 10^22: one exact multiplication or division
//   2. at most 19 significant digits: the product with a 128-bit power of five (Lemire, "Number parsing at a
//      gigabyte per second", 2021), whose few undecided cases are recognised
//   3. the rest is left to the host (`patch` is set), which converts the text itself
//
// Digits are read 8 at a time (SWAR); blocks may be loaded past the end of the line, the input is padded.

import { REASON_INT64_RANGE, REASON_NOT_INTEGER, REASON_NUMBER } from "./abi";
import { fail } from "./text";

/** Text xor this makes digits the numbers 0 to 9. */
export const ZEROS: u64 = 0x3030303030303030;
const INT64_MAX: u64 = 0x7fffffffffffffff;
const EXPONENT_LIMIT: i64 = 1000000000;

/** Why the number that `integerExact` has just passed is no int64; 0 = it was stored. */
export let integerReason: u32 = 0;
/** Whether `doubleInto` has left the number to the host. */
export let patch: bool = false;

/** 0x80 in each byte of `digits` (text xor '0') that is above 9. */
@inline
export function nonDigits(digits: u64): u64 {
  return (((digits & 0x7f7f7f7f7f7f7f7f) + 0x7676767676767676) | digits) & 0x8080808080808080;
}

/** Eight digits, the first in the lowest byte, as a number. */
@inline
function eightDigits(digits: u64): u64 {
  const pairs = digits * 10 + (digits >> 8);
  const high = (pairs & 0x000000ff000000ff) * 0x000f424000000064;
  const low = ((pairs >> 16) & 0x000000ff000000ff) * 0x0000271000000001;
  return (high + low) >> 32;
}

/** 10^count for 0..7, without a table. */
@inline
function smallPower(count: u64): u64 {
  const one: u64 = count & 1 ? 10 : 1;
  const two: u64 = count & 2 ? 100 : 1;
  const four: u64 = count & 4 ? 10000 : 1;
  return one * two * four;
}

/** Stores the plain integer at `at` and returns the address behind it; 0 = not so simple, nothing is decided. */
@inline
export function integerInto(at: usize, target: usize): usize {
  const negative = <usize>(load<u8>(at) == 0x2d);
  at += negative;
  let digits = load<u64>(at) ^ ZEROS;
  let others = nonDigits(digits);
  let value: u64 = 0;
  if (others != 0) {
    const count = <u64>ctz(others) >> 3;
    if (count == 0 || (count > 1 && (digits & 0xff) == 0)) return 0;
    value = eightDigits(digits << (64 - (count << 3)));
    at += <usize>count;
  } else {
    if ((digits & 0xff) == 0) return 0;
    value = eightDigits(digits);
    digits = load<u64>(at, 8) ^ ZEROS;
    others = nonDigits(digits);
    at += 8;
    if (others == 0) {
      value = value * 100000000 + eightDigits(digits);
      at += 8;
      for (let more: u32 = 0; more < 3; more++) {
        const digit: u32 = <u32>load<u8>(at) - 0x30;
        if (digit > 9) break;
        value = value * 10 + digit;
        at++;
      }
      if (<u32>load<u8>(at) - 0x30 <= 9) return 0;
    } else {
      const count = <u64>ctz(others) >> 3;
      if (count != 0) {
        value = value * smallPower(count) + eightDigits(digits << (64 - (count << 3)));
        at += <usize>count;
      }
    }
  }
  const next: u32 = load<u8>(at);
  if (next == 0x2e || (next | 0x20) == 0x65) return 0;
  if (value > INT64_MAX + <u64>negative) return 0;
  store<i64>(target, negative != 0 ? -(<i64>value) : <i64>value);
  return at;
}

function digitsEnd(at: usize): usize {
  while (true) {
    const others = nonDigits(load<u64>(at) ^ ZEROS);
    if (others != 0) return at + <usize>(ctz(others) >> 3);
    at += 8;
  }
}

/** Behind the number at `at`, or 0 where JSON's grammar is not met. */
export function numberEnd(at: usize): usize {
  if (load<u8>(at) == 0x2d) at++;
  const first = at;
  at = digitsEnd(at);
  if (at == first || (load<u8>(first) == 0x30 && at - first > 1)) return fail(REASON_NUMBER, first);
  if (load<u8>(at) == 0x2e) {
    const fraction = at + 1;
    at = digitsEnd(fraction);
    if (at == fraction) return fail(REASON_NUMBER, at);
  }
  if ((load<u8>(at) | 0x20) == 0x65) {
    at++;
    const sign: u32 = load<u8>(at);
    if (sign == 0x2b || sign == 0x2d) at++;
    const exponent = at;
    at = digitsEnd(exponent);
    if (at == exponent) return fail(REASON_NUMBER, at);
  }
  return at;
}

/** The exponent behind `e` at `at`, held within ±EXPONENT_LIMIT; the number has passed `numberEnd`. */
function exponentOf(at: usize, end: usize): i64 {
  const sign: u32 = load<u8>(at);
  if (sign == 0x2b || sign == 0x2d) at++;
  let value: i64 = 0;
  for (; at < end; at++) value = min<i64>(value * 10 + (load<u8>(at) - 0x30), EXPONENT_LIMIT);
  return sign == 0x2d ? -value : value;
}

/**
 * Any number of JSON: stored where its exact value is an int64 (1.0 and 12e3 are), else `integerReason` says why not.
 * The value is held as `value * 10^exponent`, without trailing zeros in `value`.
 */
export function integerExact(from: usize, target: usize): usize {
  const end = numberEnd(from);
  if (end == 0) return 0;
  integerReason = 0;
  const negative = load<u8>(from) == 0x2d;
  let value: u64 = 0;
  let exponent: i64 = 0;
  let zeros: u32 = 0;
  let huge = false;
  let fraction = false;
  for (let at = from + <usize>negative; at < end; at++) {
    const byte: u32 = load<u8>(at);
    if (byte == 0x2e) {
      fraction = true;
      continue;
    }
    if ((byte | 0x20) == 0x65) {
      exponent += exponentOf(at + 1, end);
      break;
    }
    if (fraction) exponent--;
    if (byte == 0x30) {
      zeros++;
      continue;
    }
    for (; zeros != 0 && value != 0; zeros--) {
      if (value > 922337203685477580) huge = true;
      value *= 10;
      if (huge) break;
    }
    zeros = 0;
    if (value > 922337203685477580) huge = true;
    value = huge ? 1 : value * 10 + (byte - 0x30);
  }
  if (value == 0) {
    store<i64>(target, 0);
    return end;
  }
  exponent += zeros;
  if (exponent < 0) {
    integerReason = REASON_NOT_INTEGER;
    return end;
  }
  for (; exponent > 0 && !huge; exponent--) {
    if (value > 922337203685477580) huge = true;
    value *= 10;
  }
  if (huge || value > INT64_MAX + <u64>negative) integerReason = REASON_INT64_RANGE;
  else store<i64>(target, negative ? -(<i64>value) : <i64>value);
  return end;
}

/** Stores the double nearest to the number at `from` unless `patch` is set; behind the number, or 0. */
export function doubleInto(from: usize, target: usize, powers: usize): usize {
  patch = false;
  const negative = load<u8>(from) == 0x2d;
  const first = from + <usize>negative;
  let at = first;
  let mantissa: u64 = 0;
  let exponent: i64 = 0;
  let part = first;
  while (true) {
    const digits = load<u64>(at) ^ ZEROS;
    const others = nonDigits(digits);
    if (others == 0) {
      mantissa = mantissa * 100000000 + eightDigits(digits);
      at += 8;
      continue;
    }
    const count = <u64>ctz(others) >> 3;
    if (count != 0) {
      mantissa = mantissa * smallPower(count) + eightDigits(digits << (64 - (count << 3)));
      at += <usize>count;
    }
    if (at == part) return fail(REASON_NUMBER, at);
    if (part != first) {
      exponent = -<i64>(at - part);
      break;
    }
    if (load<u8>(first) == 0x30 && at - first > 1) return fail(REASON_NUMBER, first);
    if (load<u8>(at) != 0x2e) break;
    at++;
    part = at;
  }
  const digitsStop = at;
  if ((load<u8>(at) | 0x20) == 0x65) {
    const end = numberEnd(from);
    if (end == 0) return 0;
    exponent += exponentOf(at + 1, end);
    at = end;
  }
  if (digitsStop - first > 19 && significantDigits(first, digitsStop) > 19) {
    patch = true;
    return at;
  }
  let bits: u64 = 0;
  if (mantissa <= 9007199254740992 && exponent >= -22 && exponent <= 22) {
    const value = <f64>mantissa;
    const magnitude = <usize>(exponent < 0 ? -exponent : exponent);
    const power = load<f64>(powers + (magnitude << 3));
    bits = reinterpret<u64>(exponent < 0 ? value / power : value * power);
  } else {
    bits = nearestDouble(mantissa, exponent, powers + 23 * 8);
    if (patch) return at;
  }
  store<u64>(target, bits | (<u64>negative << 63));
  return at;
}

/** Digits from the first that is not zero. */
function significantDigits(at: usize, end: usize): usize {
  let count: usize = 0;
  for (; at < end; at++) {
    const byte: u32 = load<u8>(at);
    if (byte == 0x2e || (count == 0 && byte == 0x30)) continue;
    count++;
  }
  return count;
}

/** High half of the 128-bit product. */
@inline
function highProduct(left: u64, right: u64): u64 {
  const a = left >> 32;
  const b = left & 0xffffffff;
  const c = right >> 32;
  const d = right & 0xffffffff;
  const middle = a * d + ((b * d) >> 32);
  const carry = b * c + (middle & 0xffffffff);
  return a * c + (middle >> 32) + (carry >> 32);
}

/** The bits of the double nearest to `mantissa * 10^exponent`; `table` holds 128-bit powers of five, high half first. */
function nearestDouble(mantissa: u64, exponent: i64, table: usize): u64 {
  const infinity: u64 = 0x7ff0000000000000;
  if (mantissa == 0 || exponent < -342) return 0;
  if (exponent > 308) return infinity;
  const zeros = clz(mantissa);
  const scaled = mantissa << zeros;
  const power = table + (<usize>(exponent + 342) << 4);
  let high = highProduct(scaled, load<u64>(power));
  let low = scaled * load<u64>(power);
  if ((high & 0x1ff) == 0x1ff) {
    const more = highProduct(scaled, load<u64>(power, 8));
    low += more;
    if (more > low) high++;
    if (low == 0xffffffffffffffff && (exponent < -27 || exponent > 55)) {
      patch = true;
      return 0;
    }
  }
  const upper = high >> 63;
  const shift = upper + 9;
  let value = high >> shift;
  let binary = ((217706 * exponent) >> 16) + 63 + <i64>upper - <i64>zeros + 1023;
  if (binary <= 0) {
    // Subnormal: the same rounding, further to the right.
    if (1 - binary >= 64) return 0;
    value >>= <u64>(1 - binary);
    value += value & 1;
    return value >> 1;
  }
  // Exactly halfway between two doubles: only possible for these exponents, and then to even.
  if (low <= 1 && exponent >= -4 && exponent <= 23 && (value & 3) == 1 && value << shift == high) value &= ~1;
  value += value & 1;
  value >>= 1;
  if (value >= 0x20000000000000) {
    value = 0x10000000000000;
    binary++;
  }
  return binary >= 0x7ff ? infinity : (value & 0xfffffffffffff) | (<u64>binary << 52);
}
