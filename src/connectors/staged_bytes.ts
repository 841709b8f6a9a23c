// Bytes waiting for the next barrier, cut into committables of bounded size. One piece is never cut.

import { type Bytes, concatBytes } from "../base/bytes.ts";

export class StagedBytes {
  readonly #committableBytes: number;
  #parts: Uint8Array[][] = [];
  #lastBytes = 0;
  #totalBytes = 0;

  constructor(committableBytes: number) {
    this.#committableBytes = committableBytes;
  }

  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** Keeps `bytes` as they are; they must not change. */
  add(bytes: Uint8Array): void {
    const last = this.#parts.at(-1);
    if (last === undefined || this.#lastBytes + bytes.byteLength > this.#committableBytes) {
      this.#parts.push([bytes]);
      this.#lastBytes = 0;
    } else last.push(bytes);
    this.#lastBytes += bytes.byteLength;
    this.#totalBytes += bytes.byteLength;
  }

  /** One byte string a committable, in order; starts anew. */
  take(): readonly Bytes[] {
    const staged = this.#parts.map(concatBytes);
    this.#parts = [];
    this.#lastBytes = 0;
    this.#totalBytes = 0;
    return staged;
  }
}
