// ISO 8601 times as milliseconds since the Unix epoch.
//
//   YYYY-MM-DD                      midnight, UTC
//   YYYY-MM-DD(T| )HH:MM[:SS[.f]][zone]   f: 1 to 9 digits, cut to milliseconds; zone: Z, +HH:MM, +HHMM; none = UTC
//
// The proleptic Gregorian calendar, years 0000 to 9999; no leap seconds, no 24:00.

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

/** Stores the time that the bytes `[at, end)` spell and returns true, or returns false. */
export function timeInto(at: usize, end: usize, target: usize): bool {
  const length = end - at;
  if (length < 10 || load<u8>(at, 4) != 0x2d || load<u8>(at, 7) != 0x2d) return false;
  wrong = false;
  const year = twoDigits(at) * 100 + twoDigits(at + 2);
  const month = twoDigits(at + 5);
  const day = twoDigits(at + 8);
  if (wrong || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return false;
  const midnightMs = <i64>daysOf(year, month, day) * 86400000;
  if (length == 10) {
    store<i64>(target, midnightMs);
    return true;
  }
  const separator: u32 = load<u8>(at, 10);
  if (length < 16 || (separator != 0x54 && separator != 0x20) || load<u8>(at, 13) != 0x3a) return false;
  const hour = twoDigits(at + 11);
  const minute = twoDigits(at + 14);
  let second = 0;
  let fractionMs = 0;
  at += 16;
  if (at < end && load<u8>(at) == 0x3a) {
    if (end - at < 3) return false;
    second = twoDigits(at + 1);
    at += 3;
    if (at < end && load<u8>(at) == 0x2e) {
      const first = ++at;
      for (let scale = 100; at < end && <u32>load<u8>(at) - 0x30 <= 9; scale /= 10) {
        fractionMs += <i32>(<u32>load<u8>(at) - 0x30) * scale;
        at++;
      }
      if (at == first || at - first > 9) return false;
    }
  }
  if (wrong || hour > 23 || minute > 59 || second > 59) return false;
  let offsetMinutes = 0;
  if (at < end) {
    offsetMinutes = zoneMinutes(at, end);
    if (wrong) return false;
  }
  const minutes = hour * 60 + minute - offsetMinutes;
  store<i64>(target, midnightMs + <i64>minutes * 60000 + second * 1000 + fractionMs);
  return true;
}

/** Minutes east of UTC that the zone `[at, end)` means; sets `wrong` where it is none. */
function zoneMinutes(at: usize, end: usize): i32 {
  const sign: u32 = load<u8>(at);
  const length = end - at;
  if (sign == 0x5a && length == 1) return 0;
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
