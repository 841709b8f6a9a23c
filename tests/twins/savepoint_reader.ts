// A reader of savepoint files written from docs/reference/savepoint_format.md alone: it shares no code with Millrace, so
// that what it reads is what the page says.

export type Plain = null | boolean | number | bigint | string | Uint8Array | TypedBytes | readonly Plain[] | PlainMap;
export type PlainMap = { readonly [key: string]: Plain };

/** A typed array of RFC 8746, not yet looked into. */
export class TypedBytes {
  readonly tag: number;
  readonly bytes: Uint8Array;
  constructor(tag: number, bytes: Uint8Array) {
    this.tag = tag;
    this.bytes = bytes;
  }
}

export interface ReadTable {
  readonly uid: string;
  readonly state: string;
  readonly columns: readonly string[];
  readonly scalars: Plain;
  readonly rows: (readonly (null | bigint | number | boolean | string)[])[];
}

export interface ReadSavepoint {
  readonly header: PlainMap;
  readonly sources: readonly PlainMap[];
  readonly tables: readonly ReadTable[];
}

class Cursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  get done(): boolean {
    return this.at === this.#bytes.byteLength;
  }
  take(count: number): Uint8Array {
    this.at += count;
    if (this.at > this.#bytes.byteLength) throw new Error("the file ends too early");
    return this.#bytes.subarray(this.at - count, this.at);
  }

  value(): Plain {
    const first = this.take(1)[0] as number;
    const [major, info] = [first >>> 5, first & 31];
    if (major === 7) return this.#simple(info);
    const argument = info < 24 ? info : this.#number(info);
    switch (major) {
      case 0:
        return argument;
      case 1:
        return -1 - argument;
      case 2:
        return this.take(argument);
      case 3:
        return new TextDecoder("utf-8", { fatal: true }).decode(this.take(argument));
      case 4:
        return Array.from({ length: argument }, () => this.value());
      case 5:
        return Object.fromEntries(Array.from({ length: argument }, () => [this.value() as string, this.value()]));
      default:
        return new TypedBytes(argument, this.value() as Uint8Array);
    }
  }

  #number(info: number): number {
    const width = 2 ** (info - 24);
    return [...this.take(width)].reduce((sum, byte) => sum * 256 + byte, 0);
  }

  #simple(info: number): Plain {
    if (info === 20 || info === 21) return info === 21;
    if (info === 22) return null;
    const at = this.at;
    if (info === 26) {
      this.take(4);
      return this.#view.getFloat32(at);
    }
    if (info !== 27) throw new Error(`nothing has the head 7/${info}`);
    this.take(8);
    return this.#view.getFloat64(at);
  }
}

type Sha256 = (bytes: Uint8Array) => Uint8Array;

const same = (left: Plain, right: Plain): boolean => String(left) === String(right);

export function readSavepointFile(bytes: Uint8Array, sha256: Sha256): ReadSavepoint {
  const file = new Cursor(bytes);
  const digests: number[] = [];
  const sources: PlainMap[] = [];
  const tables: ReadTable[] = [];
  let header: PlainMap = {};
  let schema: readonly PlainMap[] = [];
  for (let items = 0; ; items++) {
    const [section, digest] = file.value() as [Uint8Array, Uint8Array];
    if (!same(sha256(section), digest)) throw new Error(`section ${items} is damaged`);
    const map = new Cursor(section).value() as PlainMap;
    switch (map["kind"]) {
      case "header":
        header = map;
        break;
      case "source":
        sources.push(map);
        break;
      case "state":
        schema = map["schema"] as readonly PlainMap[];
        tables.push({
          uid: map["uid"] as string,
          state: map["state"] as string,
          columns: schema.map((one) => one["name"] as string),
          scalars: map["scalars"] as Plain,
          rows: [],
        });
        break;
      case "key_group":
        tables.at(-1)?.rows.push(...rowsOf(map, schema));
        break;
      default:
        if (!same(sha256(new Uint8Array(digests)), map["digest"] as Plain) || map["items"] !== items || !file.done) {
          throw new Error("the end is not right");
        }
        return { header, sources, tables };
    }
    digests.push(...digest);
  }
}

function rowsOf(group: PlainMap, schema: readonly PlainMap[]) {
  const columns = (group["columns"] as readonly PlainMap[]).map((column, index) => {
    const validity = column["validity"] as Uint8Array | null;
    const read = readerOf(schema[index]?.["type"] as string, column);
    return (row: number) => (validity !== null && !bit(validity, row) ? null : read(row));
  });
  return Array.from({ length: group["rows"] as number }, (_none, row) => columns.map((column) => column(row)));
}

const bit = (bytes: Uint8Array, row: number): boolean => (((bytes[row >> 3] as number) >> (row % 8)) & 1) === 1;

function readerOf(type: string, column: PlainMap): (row: number) => bigint | number | boolean | string {
  const { values, bytes } = column;
  if (type === "bool") return (row) => bit(values as Uint8Array, row);
  const { tag, bytes: raw } = values as TypedBytes;
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  if (type === "f64" && tag === 86) return (row) => view.getFloat64(8 * row, true);
  if ((type === "i64" || type === "timestamp") && tag === 79) return (row) => view.getBigInt64(8 * row, true);
  if (type !== "utf8" || tag !== 78) throw new Error(`a column of type ${type} with tag ${tag}`);
  const offset = (row: number): number => view.getInt32(4 * row, true);
  const text = bytes as Uint8Array;
  return (row) => new TextDecoder().decode(text.subarray(offset(row), offset(row + 1)));
}
