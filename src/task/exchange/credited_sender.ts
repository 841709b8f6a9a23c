// One sending end with its credit: frames that the receiver has no room for yet wait here, in order.
//
// A barrier waits for no credit, and neither do the rows before it: a slow receiver must not hold up checkpoints.
// What is sent on credit that is not there is owed, and whoever owes sends nothing more: `blocked`.
//
// Invariant: at most CREDIT_FRAMES frames of rows, and what one batch of input made of them, are on their way.

import type { ChannelOut, Frame } from "../../protocol/frames.ts";

/** Frames of rows that may be on their way or unprocessed at the receiver. */
export const CREDIT_FRAMES = 8;

export class CreditedSender {
  readonly #channel: ChannelOut;
  readonly #waiting: Frame[] = [];
  #credit = CREDIT_FRAMES;

  /** @param onRoom called when nothing is blocked any more. */
  constructor(channel: ChannelOut, onRoom: () => void) {
    this.#channel = channel;
    channel.onCredit((frames) => {
      const wasBlocked = this.blocked;
      this.#credit += frames;
      this.#drain(false);
      if (wasBlocked && !this.blocked) onRoom();
    });
  }

  send(frame: Frame): void {
    this.#waiting.push(frame);
    this.#drain(frame.kind === "barrier");
  }

  /** The channel's own memory for a frame that is sent at once; undefined where it would have to wait. */
  lend(bytes: number): Uint8Array<ArrayBuffer> | undefined {
    return this.#credit > 0 && this.#waiting.length === 0 ? this.#channel.lend?.(bytes) : undefined;
  }

  /** Frames wait, or credit is owed: whoever produces them should pause. */
  get blocked(): boolean {
    return this.#waiting.length > 0 || this.#credit < 0;
  }

  #drain(overdraw: boolean): void {
    let sent = 0;
    for (const frame of this.#waiting) {
      if (frame.kind === "rows") {
        if (this.#credit <= 0 && !overdraw) break;
        this.#credit--;
      }
      this.#channel.send(frame);
      sent++;
    }
    this.#waiting.splice(0, sent);
  }

  close(): void {
    this.#channel.close();
  }
}
