// One sending end with its credit: frames that the receiver has no room for yet wait here, in order.
//
// Invariant: at most CREDIT_FRAMES frames of rows are on their way, so that a barrier never stands behind more than
// what the receiver processes in a moment, however slow it is.

import type { ChannelOut, Frame } from "../../protocol/frames.ts";

/** Frames of rows that may be on their way or unprocessed at the receiver. */
export const CREDIT_FRAMES = 8;

export class CreditedSender {
  readonly #channel: ChannelOut;
  readonly #waiting: Frame[] = [];
  #credit = CREDIT_FRAMES;

  /** @param onRoom called when frames that waited are on their way. */
  constructor(channel: ChannelOut, onRoom: () => void) {
    this.#channel = channel;
    channel.onCredit((frames) => {
      this.#credit += frames;
      if (this.#drain()) onRoom();
    });
  }

  send(frame: Frame): void {
    this.#waiting.push(frame);
    this.#drain();
  }

  /** The channel's own memory for a frame that is sent at once; undefined where it would have to wait. */
  lend(bytes: number): Uint8Array<ArrayBuffer> | undefined {
    return this.#credit > 0 && this.#waiting.length === 0 ? this.#channel.lend?.(bytes) : undefined;
  }

  /** Frames wait: whoever produces them should pause. */
  get blocked(): boolean {
    return this.#waiting.length > 0;
  }

  /** Answers whether none waits any more, where some did. */
  #drain(): boolean {
    let sent = 0;
    for (const frame of this.#waiting) {
      if (frame.kind === "rows") {
        if (this.#credit === 0) break;
        this.#credit--;
      }
      this.#channel.send(frame);
      sent++;
    }
    this.#waiting.splice(0, sent);
    return sent > 0 && this.#waiting.length === 0;
  }

  close(): void {
    this.#channel.close();
  }
}
