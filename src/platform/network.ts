// Links between the processes of a deployment. An adapter makes them of WebSockets, tests and the simulator of memory.
//
// Invariants:
// - A link is authenticated: both ends have proven that they are of this deployment before either hears anything.
// - Messages arrive whole, in order and at most once; those that were on their way when a link closes may be lost.

import type { Bytes } from "../base/bytes.ts";

export interface Link {
  /** The bytes must not change afterwards. On a link that has closed nothing happens. */
  send(bytes: Bytes): void;
  /** What came before there was a listener is kept for it. */
  onMessage(listener: (bytes: Bytes) => void): void;
  /** Called once, also where the link has closed already. */
  onClose(listener: (why: string) => void): void;
  close(why: string): void;
  /** Sent, but not yet handed to the network. */
  readonly bufferedBytes: number;
}

export interface LinkListener {
  /** What `connect` of any other process of the deployment takes. */
  readonly address: string;
  close(): Promise<void>;
}

export interface Network {
  listen(onLink: (link: Link) => void): Promise<LinkListener>;
  /** Rejects with `peer_unreachable`, or with `secret_wrong` where either side could not prove itself. */
  connect(address: string): Promise<Link>;
}
