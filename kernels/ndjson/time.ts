// ISO 8601 times as milliseconds since the Unix epoch.
//
//   YYYY-MM-DD                      midnight, UTC
//   YYYY-MM-DD(T| )HH:MM[:SS[.f]][zone]   f: 1 to 9 digits, cut to milliseconds; zone: Z, +HH:MM, +HHMM; none = UTC
//
// The proleptic Gregorian calendar, years 0000 to 9999; no leap seconds, no 24:00.

import { nonDigits, ZEROS } from "./number";

let wrong: bool = false;

@inline
function twoDigits(at: usize): i32 {
  const tens: u32 = <u32>load<u8>(at) - 0x30;
  const ones: u32 = <u32>load<u8>(at, 1) - 0x30;
  wrong = wrong || tens > 9 || ones > 9;
  return <i32>(tens * 10 + ones);
}

/** Days from 1970-01-01; years begin in March, so that the leap day is the last day of one. */
function daysOf(year: i32, month: i32, day: i32): i32 {
  const shifted = month > 2 ? year : year - 1;
  const era = (shifted >= 0 ? shifted : shifted - 399) / 400;
  const yearOfEra = shifted - era * 400;
  const dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return era * 146097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719468;
}

@inline
function daysInMonth(year: i32, month: i32): i32 {
  if (month == 2) return (year & 3) == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  return 30 + ((month + (month >> 3)) & 1);
}

/** Bytes 4 and 7 of `YYYY-MM-`, and what they are, xor '0'. */
const DATE_MARKS: u64 = 0xff0000ff00000000;
const DATE_MARKS_WANTED: u64 = 0x1d00001d00000000;
/** Bytes 2 and 5 of `DDTHH:MM`. */
const CLOCK_MARKS: u64 = 0x0000ff0000ff0000;
const CLOCK_MARKS_T: u64 = 0x00000a0000640000;
const CLOCK_MARKS_SPACE: u64 = 0x00000a0000100000;

/** Stores the time that the bytes `[at, end)` spell and returns true, or returns false. */
export function timeInto(at: usize, end: usize, target: usize): bool {
  const length = end - at;
  const date = load<u64>(at) ^ ZEROS;
  const dateDigits = date & ~DATE_MARKS;
  if (length < 10 || (date & DATE_MARKS) != DATE_MARKS_WANTED || nonDigits(dateDigits) != 0) return false;
  // Each pair of digits as a number, in the byte of its first digit.
  const datePairs = dateDigits * 10 + (dateDigits >> 8);
  const year = <i32>(datePairs & 0xff) * 100 + <i32>((datePairs >> 16) & 0xff);
  const month = <i32>((datePairs >> 40) & 0xff);
  const clock = load<u64>(at, 8) ^ ZEROS;
  const clockDigits = length == 10 ? clock & 0xffff : clock & ~CLOCK_MARKS;
  if (nonDigits(clockDigits) != 0) return false;
  const clockPairs = clockDigits * 10 + (clockDigits >> 8);
  const day = <i32>(clockPairs & 0xff);
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return false;
  const midnightMs = <i64>daysOf(year, month, day) * 86400000;
  if (length == 10) {
    store<i64>(target, midnightMs);
    return true;
  }
  const marks = clock & CLOCK_MARKS;
  const hour = <i32>((clockPairs >> 24) & 0xff);
  const minute = <i32>((clockPairs >> 48) & 0xff);
  if (length < 16 || (marks != CLOCK_MARKS_T && marks != CLOCK_MARKS_SPACE) || hour > 23 || minute > 59) return false;
  wrong = false;
  const restMs = length == 16 ? 0 : secondsAndZoneMs(at + 16, end);
  store<i64>(target, midnightMs + <i64>(hour * 60 + minute) * 60000 + restMs);
  return !wrong;
}

/** What `[:SS[.f]][zone]` adds to a time; sets `wrong` where it is something else. */
function secondsAndZoneMs(at: usize, end: usize): i32 {
  let timeMs = 0;
  if (load<u8>(at) == 0x3a) {
    const tens: u32 = <u32>load<u8>(at, 1) - 0x30;
    const ones: u32 = <u32>load<u8>(at, 2) - 0x30;
    if (end - at < 3 || tens > 5 || ones > 9) wrong = true;
    timeMs = <i32>(tens * 10 + ones) * 1000;
    at += 3;
    if (at < end && load<u8>(at) == 0x2e) {
      const first = ++at;
      for (let scale = 100; at < end && <u32>load<u8>(at) - 0x30 <= 9; scale /= 10) {
        timeMs += <i32>(<u32>load<u8>(at) - 0x30) * scale;
        at++;
      }
      if (at == first || at - first > 9) wrong = true;
    }
  }
  if (at == end || (end - at == 1 && load<u8>(at) == 0x5a)) return timeMs;
  return timeMs - zoneMinutes(at, end) * 60000;
}

/** Minutes east of UTC that the zone `[at, end)` means; sets `wrong` where it is none. */
function zoneMinutes(at: usize, end: usize): i32 {
  const sign: u32 = load<u8>(at);
  const length = end - at;
  const colon = length == 6 && load<u8>(at, 3) == 0x3a;
  if ((sign != 0x2b && sign != 0x2d) || (length != 5 && !colon)) {
    wrong = true;
    return 0;
  }
  const hours = twoDigits(at + 1);
  const minutes = twoDigits(at + <usize>(colon ? 4 : 3));
  if (hours > 23 || minutes > 59) wrong = true;
  return sign == 0x2d ? -(hours * 60 + minutes) : hours * 60 + minutes;
}
