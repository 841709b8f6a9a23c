// Frames of rows in memory that two threads share: a channel has as many slots as frames were ever on their way.
//
//   slot   | column data … | validity … | weights | watermarks |        every section begins at a multiple of 8
//   layout of one frame, as plain numbers in the message that announces it:
//          slot, rows, then per column: type, (at, bytes) of the data, (at, bytes) of the text, at of the validity or -1,
//          then at of the weights or -1, at of the watermarks or -1
//
// Why not moved buffers: a new buffer a frame costs more than its bytes (23 to 85 us against 10 for 4,096 rows of
// three columns on Node), and Deno copies what it moves in 40 ms.
//
// Invariant: a slot is written again only after the receiver has given credit for the frame in it, so nobody reads
// what is being written. The message and the credit order the memory accesses of the two threads.

import { assert } from "../../../src/base/assert.ts";
import { align8 } from "../../../src/base/bytes.ts";
import { bitmapBytes, type Column } from "../../../src/batch/record_batch.ts";
import type { RowsFrame } from "../../../src/protocol/frames.ts";

export interface SharedFrame {
  readonly kind: "shared_rows";
  /** The memory, at its first use and whenever it has been replaced by a larger one. */
  readonly memory: SharedArrayBuffer | undefined;
  readonly layout: readonly number[];
}

const SLOT_BYTES_MIN = 128 * 1024;
const TYPES: readonly Column["type"][] = ["i64", "timestamp", "f64", "bool", "utf8"];

/** The bytes of a frame, in the order of its sections. */
function sectionsOf(frame: RowsFrame): Uint8Array[] {
  const sections: Uint8Array[] = [];
  const add = (view: ArrayBufferView): void => {
    sections.push(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  };
  for (const column of frame.columns) {
    switch (column.type) {
      case "bool":
        add(column.bits);
        break;
      case "utf8":
        add(column.offsets);
        add(column.bytes);
        break;
      default:
        add(column.values);
    }
    if (column.validity !== undefined) add(column.validity);
  }
  if (frame.weights !== undefined) add(frame.weights);
  if (frame.watermarks !== undefined) add(frame.watermarks);
  return sections;
}

/** The sending side: writes frames into slots. */
export class FrameSlots {
  readonly #slots: SharedArrayBuffer[] = [];
  /** Of those, the ones that the receiver has seen. */
  readonly #announced = new Set<SharedArrayBuffer>();
  /** Slots whose frames are on their way, oldest first: the order in which credit comes back. */
  readonly #used: number[] = [];
  readonly #free: number[] = [];
  #lentBytes = 0;

  /** The receiver is done with so many frames, the oldest ones. */
  credited(frames: number): void {
    this.#free.push(...this.#used.splice(0, frames));
  }

  /** The slot that the next frame goes to. */
  get #next(): number {
    return this.#free[0] ?? this.#slots.length;
  }

  /** The beginning of the slot that the next frame goes to. */
  lend(bytes: number): Uint8Array<ArrayBuffer> {
    this.#lentBytes = align8(bytes);
    // Whoever fills it sees bytes; that the buffer is a shared one makes no difference to views.
    return new Uint8Array(this.#slot(this.#next, this.#lentBytes), 0, bytes) as unknown as Uint8Array<ArrayBuffer>;
  }

  put(frame: RowsFrame): SharedFrame {
    const slot = this.#next;
    this.#free.shift();
    this.#used.push(slot);
    const sections = sectionsOf(frame);
    const lent = this.#lentBytes === 0 ? undefined : this.#slots[slot];
    const foreign = sections.filter((one) => (one.buffer as unknown) !== lent);
    const before = sections.length === foreign.length ? 0 : this.#lentBytes;
    this.#lentBytes = 0;
    const memory = this.#slot(
      slot,
      foreign.reduce((sum, one) => sum + align8(one.byteLength), before),
      lent,
      before,
    );
    const target = new Uint8Array(memory);
    let end = before;
    const at = sections.map((section) => {
      if (lent !== undefined && (section.buffer as unknown) === lent) return section.byteOffset;
      const place = end;
      target.set(section, place);
      end += align8(section.byteLength);
      return place;
    });
    const isNew = !this.#announced.has(memory);
    this.#announced.add(memory);
    return { kind: "shared_rows", memory: isNew ? memory : undefined, layout: layoutOf(frame, slot, sections, at) };
  }

  /** Memory of at least `bytes`; where it has to be larger than it was, `keep` bytes of `from` go along. */
  #slot(slot: number, bytes: number, from?: SharedArrayBuffer, keep = 0): SharedArrayBuffer {
    const known = this.#slots[slot];
    if (known !== undefined && known.byteLength >= bytes) return known;
    const memory = new SharedArrayBuffer(Math.max(SLOT_BYTES_MIN, align8(bytes + (bytes >>> 2))));
    if (from !== undefined && keep > 0) new Uint8Array(memory).set(new Uint8Array(from, 0, keep));
    if (known !== undefined) this.#announced.delete(known);
    this.#slots[slot] = memory;
    return memory;
  }
}

function layoutOf(frame: RowsFrame, slot: number, sections: readonly Uint8Array[], at: readonly number[]): number[] {
  let section = 0;
  const layout: number[] = [slot, frame.rowCount, frame.columns.length];
  const place = (): void => {
    layout.push(at[section] as number, (sections[section] as Uint8Array).byteLength);
    section++;
  };
  for (const column of frame.columns) {
    layout.push(TYPES.indexOf(column.type));
    place();
    if (column.type === "utf8") place();
    else layout.push(0, 0);
    layout.push(column.validity === undefined ? -1 : (at[section++] as number));
  }
  layout.push(frame.weights === undefined ? -1 : (at[section++] as number));
  layout.push(frame.watermarks === undefined ? -1 : (at[section++] as number));
  return layout;
}

/** The receiving side: frames as views of the shared memory, valid until credit is given for them. */
export class FrameViews {
  readonly #slots: ArrayBuffer[] = [];

  take({ memory, layout }: SharedFrame): RowsFrame {
    let next = 0;
    const number = (): number => layout[next++] as number;
    const slot = number();
    const rowCount = number();
    // Views of shared memory are read like any other; that nobody writes meanwhile is the invariant above.
    if (memory !== undefined) this.#slots[slot] = memory as unknown as ArrayBuffer;
    const buffer = this.#slots[slot];
    assert(buffer !== undefined, "a slot's memory comes with its first frame");
    const columns: Column[] = [];
    for (let left = number(); left > 0; left--) columns.push(columnAt(buffer, rowCount, number));
    const weightsAt = number();
    const watermarksAt = number();
    return {
      kind: "rows",
      rowCount,
      columns,
      weights: weightsAt < 0 ? undefined : new Int8Array(buffer, weightsAt, rowCount),
      watermarks: watermarksAt < 0 ? undefined : new BigInt64Array(buffer, watermarksAt, rowCount),
    };
  }
}

function columnAt(buffer: ArrayBuffer, rows: number, number: () => number): Column {
  const type = TYPES[number()];
  assert(type !== undefined, "a column's type is one of ours");
  const [dataAt, dataBytes, textAt, textBytes, validityAt] = [number(), number(), number(), number(), number()];
  const validity = validityAt < 0 ? undefined : new Uint8Array(buffer, validityAt, bitmapBytes(rows));
  switch (type) {
    case "i64":
    case "timestamp":
      return { type, values: new BigInt64Array(buffer, dataAt, rows), validity };
    case "f64":
      return { type, values: new Float64Array(buffer, dataAt, rows), validity };
    case "bool":
      return { type, bits: new Uint8Array(buffer, dataAt, dataBytes), validity };
    case "utf8": {
      const offsets = new Int32Array(buffer, dataAt, rows + 1);
      return { type, offsets, bytes: new Uint8Array(buffer, textAt, textBytes), validity };
    }
  }
}
