// A strict JSON validator over bytes that says where values lie instead of building them: records of a log keep
// their exact text, so that 12345678901234567890 or 1.0 come back as they were sent.
//
// It accepts what RFC 8259 does, in valid UTF-8, without a byte order mark, nested at most JSON_DEPTH_MAX deep.
// It keeps a bit per level instead of recursing: no input can exhaust the stack.

import { userError } from "../base/errors.ts";
import { JSON_DEPTH_MAX } from "../base/limits.ts";

/** A value's place in the bytes, without the white space around it. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const isSpace = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;
const isHex = (byte: number | undefined): boolean =>
  isDigit(byte) || (byte !== undefined && (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);

const utf8Decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Throws `invalid_utf8` unless the bytes are UTF-8. */
export function checkUtf8(bytes: Uint8Array, where: string): void {
  try {
    utf8Decoder.decode(bytes);
  } catch (error) {
    throw userError("invalid_utf8", where, "the body is not valid UTF-8", { cause: error });
  }
}

export class JsonText {
  readonly #bytes: Uint8Array;
  readonly #where: string;
  #at = 0;
  #end: number;

  /** `bytes` must be valid UTF-8; `where` names the place in errors. */
  constructor(bytes: Uint8Array, where: string) {
    this.#bytes = bytes;
    this.#where = where;
    this.#end = bytes.byteLength;
  }

  /** The body's records: the elements of a list, or the one value that it is. */
  records(): Span[] {
    this.#skipSpace();
    if (this.#bytes[this.#at] !== OPEN_LIST) {
      const only = this.#value();
      this.#demandEnd();
      return [only];
    }
    this.#at++;
    const spans: Span[] = [];
    this.#skipSpace();
    if (this.#peek() === CLOSE_LIST) this.#at++;
    else {
      for (;;) {
        this.#skipSpace();
        spans.push(this.#value());
        this.#skipSpace();
        const byte = this.#peek();
        this.#at++;
        if (byte === CLOSE_LIST) break;
        if (byte !== COMMA) this.#fail(this.#at - 1, "a comma or the end of the list");
      }
    }
    this.#demandEnd();
    return spans;
  }

  /** One value on each line that is not blank. */
  lines(): Span[] {
    const spans: Span[] = [];
    const whole = this.#bytes.byteLength;
    while (this.#at < whole) {
      const newline = this.#bytes.indexOf(0x0a, this.#at);
      this.#end = newline === -1 ? whole : newline;
      this.#skipSpace();
      if (this.#at < this.#end) {
        spans.push(this.#value());
        this.#demandEnd();
      }
      this.#at = this.#end + 1;
    }
    return spans;
  }

  #peek(): number | undefined {
    return this.#at < this.#end ? this.#bytes[this.#at] : undefined;
  }

  #skipSpace(): void {
    while (isSpace(this.#peek())) this.#at++;
  }

  #demandEnd(): void {
    this.#skipSpace();
    if (this.#at < this.#end) this.#fail(this.#at, "nothing more");
  }

  #fail(at: number, wanted: string): never {
    const byte = at < this.#end ? this.#bytes[at] : undefined;
    const found = byte === undefined ? "the end of the text" : `byte 0x${byte.toString(16).padStart(2, "0")}`;
    throw userError("invalid_json", this.#where, `not JSON: at byte ${at} stands ${found}, expected is ${wanted}`);
  }

  /** Scans one value at the cursor, which stands on its first byte. */
  #value(): Span {
    const start = this.#at;
    const inObject: boolean[] = [];
    for (;;) {
      this.#skipSpace();
      const byte = this.#peek();
      if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
        if (inObject.length === JSON_DEPTH_MAX) this.#fail(this.#at, `at most ${JSON_DEPTH_MAX} levels of nesting`);
        this.#at++;
        this.#skipSpace();
        const empty = this.#peek() === (byte === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_LIST);
        if (!empty) {
          inObject.push(byte === OPEN_OBJECT);
          if (byte === OPEN_OBJECT) this.#key();
          continue;
        }
        this.#at++;
      } else this.#scalar(byte);
      if (this.#closeLevels(inObject)) return { start, end: this.#at };
    }
  }

  /** After a value: takes closing brackets and the comma before the next value; true when the whole value is read. */
  #closeLevels(inObject: boolean[]): boolean {
    while (inObject.length > 0) {
      this.#skipSpace();
      const byte = this.#peek();
      const object = inObject[inObject.length - 1] as boolean;
      if (byte === COMMA) {
        this.#at++;
        if (object) this.#key();
        return false;
      }
      if (byte !== (object ? CLOSE_OBJECT : CLOSE_LIST)) {
        this.#fail(this.#at, object ? "a comma or the end of the object" : "a comma or the end of the list");
      }
      this.#at++;
      inObject.pop();
    }
    return true;
  }

  #key(): void {
    this.#skipSpace();
    if (this.#peek() !== QUOTE) this.#fail(this.#at, "a field name in double quotes");
    this.#string();
    this.#skipSpace();
    if (this.#peek() !== COLON) this.#fail(this.#at, "a colon");
    this.#at++;
  }

  #scalar(byte: number | undefined): void {
    if (byte === QUOTE) this.#string();
    else if (byte === 0x2d || isDigit(byte)) this.#number();
    else if (byte === 0x74) this.#word("true");
    else if (byte === 0x66) this.#word("false");
    else if (byte === 0x6e) this.#word("null");
    else this.#fail(this.#at, "a value");
  }

  #word(word: string): void {
    for (let index = 0; index < word.length; index++) {
      if (this.#peek() !== word.charCodeAt(index)) this.#fail(this.#at, word);
      this.#at++;
    }
  }

  #string(): void {
    const bytes = this.#bytes;
    for (let at = this.#at + 1; at < this.#end; at++) {
      const byte = bytes[at] as number;
      if (byte === QUOTE) {
        this.#at = at + 1;
        return;
      }
      if (byte < 0x20) this.#fail(at, "an escape instead of a control character in a string");
      if (byte === BACKSLASH) at = this.#escape(at + 1);
    }
    this.#fail(this.#end, "the end of a string");
  }

  /** Returns the place of the escape's last byte. */
  #escape(at: number): number {
    const byte = at < this.#end ? (this.#bytes[at] as number) : 0;
    if (byte !== 0x75) {
      if (byte === 0 || !'"\\/bfnrt'.includes(String.fromCharCode(byte))) this.#fail(at, "an escape of JSON");
      return at;
    }
    for (let digit = 1; digit <= 4; digit++) {
      if (at + digit >= this.#end || !isHex(this.#bytes[at + digit])) this.#fail(at + digit, "four hex digits");
    }
    return at + 4;
  }

  #number(): void {
    if (this.#peek() === 0x2d) this.#at++;
    if (this.#peek() === 0x30) this.#at++;
    else this.#digits();
    if (this.#peek() === 0x2e) {
      this.#at++;
      this.#digits();
    }
    const exponent = this.#peek();
    if (exponent === 0x65 || exponent === 0x45) {
      this.#at++;
      const sign = this.#peek();
      if (sign === 0x2b || sign === 0x2d) this.#at++;
      this.#digits();
    }
  }

  #digits(): void {
    if (!isDigit(this.#peek())) this.#fail(this.#at, "a digit");
    while (isDigit(this.#peek())) this.#at++;
  }
}
