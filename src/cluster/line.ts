// What two processes say to each other over links that may break: numbered, kept until acknowledged, sent again.
//
//   sender                              receiver
//     │ 7 8 9 ────────▶  (8, 9 lost)      │ has had up to 7
//     ╳ the link breaks                   ╳
//     │ ◀─ hello: had up to 7 ───────────▶│
//     │ 8 9 ────────▶                     │
//
// Invariants:
// - Every message is delivered once and in order for as long as both lines live, whatever links come and go.
// - Where that can be kept no longer (the peer is another incarnation, or away for too long) the line is lost, for ever.

import type { Bytes } from "../base/bytes.ts";
import { corruptionError } from "../base/errors.ts";
import type { Link } from "../platform/network.ts";
import { packed, unpacked } from "./frame_bytes.ts";

/** Beside what its heartbeats acknowledge, a receiver acknowledges after so many messages. */
const ACK_EVERY = 32;

type Head = { readonly ack: number } | { readonly seq: number; readonly item: unknown };

export class Line {
  /** Minted by the process that connects; undefined at the other one until it has heard it. */
  id: string | undefined;
  readonly peer: string;
  readonly #deliver: (item: unknown, body: Bytes) => void;
  readonly #unacknowledged: { readonly seq: number; readonly bytes: Bytes }[] = [];
  #link: Link | undefined;
  #sent = 0;
  #received = 0;
  #acknowledged = 0;
  /** When anything was last heard, or the line was made. */
  heardMs: number;

  constructor(peer: string, nowMs: number, deliver: (item: unknown, body: Bytes) => void) {
    this.peer = peer;
    this.heardMs = nowMs;
    this.#deliver = deliver;
  }

  get received(): number {
    return this.#received;
  }
  get open(): boolean {
    return this.#link !== undefined;
  }

  send(item: unknown, body?: Bytes): void {
    const seq = ++this.#sent;
    const bytes = packed({ seq, item } satisfies Head, body);
    this.#unacknowledged.push({ seq, bytes });
    this.#link?.send(bytes);
  }

  /** Takes over a link on which both sides have said how far they are. */
  attach(link: Link, peerReceived: number): void {
    this.#link?.close("another link has taken its place");
    this.#forget(peerReceived);
    this.#link = link;
    for (const { bytes } of this.#unacknowledged) link.send(bytes);
  }

  /** The link is gone; the line waits for another one. */
  detach(link: Link): void {
    if (this.#link === link) this.#link = undefined;
  }

  drop(why: string): void {
    this.#link?.close(why);
    this.#link = undefined;
  }

  /** Also the line's heartbeat. */
  acknowledge(): void {
    this.#acknowledged = this.#received;
    this.#link?.send(packed({ ack: this.#received } satisfies Head, undefined));
  }

  take(bytes: Bytes, nowMs: number): void {
    this.heardMs = nowMs;
    const { head, body } = unpacked(bytes, `line from ${this.peer}`);
    const known = head as Head;
    if ("ack" in known) return this.#forget(known.ack);
    if (known.seq <= this.#received) return; // sent again, but it had arrived
    if (known.seq !== this.#received + 1) {
      const message = `message ${known.seq} came where ${this.#received + 1} was due`;
      throw corruptionError("line_broken", `line from ${this.peer}`, message);
    }
    this.#received = known.seq;
    if (this.#received - this.#acknowledged >= ACK_EVERY) this.acknowledge();
    this.#deliver(known.item, body);
  }

  #forget(upTo: number): void {
    let known = 0;
    while ((this.#unacknowledged[known]?.seq ?? Number.POSITIVE_INFINITY) <= upTo) known++;
    this.#unacknowledged.splice(0, known);
  }
}
