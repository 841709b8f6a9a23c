// A network in memory for tests and the simulator: nodes that can be killed, frozen and cut off from one another.

import type { Bytes } from "../base/bytes.ts";
import { externalError } from "../base/errors.ts";
import type { Link, LinkListener, Network } from "./network.ts";

/** How one message or one end of a link finds its way: by default in the next turn of the microtasks. */
export type Carrier = (deliver: () => void) => void;

const nextTurn: Carrier = (deliver) => {
  void Promise.resolve().then(deliver);
};

class MemoryLink implements Link {
  readonly #carry: Carrier;
  readonly node: MemoryNode;
  other: MemoryLink | undefined;
  #onMessage: ((bytes: Bytes) => void) | undefined;
  #onClose: ((why: string) => void) | undefined;
  readonly #arrived: Bytes[] = [];
  #closed: string | undefined;
  readonly bufferedBytes = 0;

  constructor(node: MemoryNode, carry: Carrier) {
    this.node = node;
    this.#carry = carry;
  }

  send(bytes: Bytes): void {
    if (this.#closed !== undefined) return;
    const { other } = this;
    // A copy, as on any wire: neither side sees what the other does to its bytes.
    const copy = bytes.slice();
    this.#carry(() => this.node.alive(() => other?.node.alive(() => other.#take(copy))));
  }

  #take(bytes: Bytes): void {
    if (this.#closed !== undefined) return;
    if (this.#onMessage === undefined) this.#arrived.push(bytes);
    else this.#onMessage(bytes);
  }

  onMessage(listener: (bytes: Bytes) => void): void {
    this.#onMessage = listener;
    for (const bytes of this.#arrived.splice(0)) listener(bytes);
  }

  onClose(listener: (why: string) => void): void {
    this.#onClose = listener;
    if (this.#closed !== undefined) listener(this.#closed);
  }

  close(why: string): void {
    if (this.#closed !== undefined) return;
    this.#end(why);
    const { other } = this;
    this.#carry(() => other?.node.alive(() => other.#end(why)));
  }

  #end(why: string): void {
    if (this.#closed !== undefined) return;
    this.#closed = why;
    this.node.links.delete(this);
    this.#onClose?.(why);
  }
}

/** One process: what it listens to and is connected with. */
export class MemoryNode implements Network {
  readonly name: string;
  readonly links: Set<MemoryLink> = new Set();
  readonly #network: MemoryNetwork;
  #onLink: ((link: Link) => void) | undefined;
  #dead = false;
  /** While it stands still: what waits for it. */
  #held: (() => void)[] | undefined;

  constructor(network: MemoryNetwork, name: string) {
    this.#network = network;
    this.name = name;
  }

  async listen(onLink: (link: Link) => void): Promise<LinkListener> {
    this.#onLink = onLink;
    const close = async (): Promise<void> => {
      this.#onLink = undefined;
    };
    return { address: this.name, close };
  }

  connect(address: string): Promise<Link> {
    return this.#network.connect(this, address);
  }

  accept(link: MemoryLink): boolean {
    if (this.#dead || this.#onLink === undefined) return false;
    this.links.add(link);
    this.alive(() => this.#onLink?.(link));
    return true;
  }

  /** Carries out what arrives here, now or when the node goes on. */
  alive(arrive: () => void): void {
    if (this.#dead) return;
    if (this.#held === undefined) arrive();
    else this.#held.push(arrive);
  }

  /** Nothing of it is heard any more; the others see their links close. */
  kill(): void {
    for (const link of [...this.links]) link.close("the process is gone");
    this.#dead = true;
  }
  /** Hears nothing until `thaw`, while its links stay open. What it sends waits as well. */
  freeze(): void {
    this.#held ??= [];
  }
  thaw(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const arrive of held) this.alive(arrive);
  }
}

export class MemoryNetwork {
  readonly #carry: Carrier;
  readonly #nodes = new Map<string, MemoryNode>();
  readonly #apart = new Set<string>();

  constructor(carry: Carrier = nextTurn) {
    this.#carry = carry;
  }

  node(name: string): MemoryNode {
    const node = new MemoryNode(this, name);
    this.#nodes.set(name, node);
    return node;
  }

  async connect(from: MemoryNode, address: string): Promise<Link> {
    const to = this.#nodes.get(address);
    const near = new MemoryLink(from, this.#carry);
    const apart = this.#apart.has(pairOf(from.name, address));
    if (to !== undefined && !apart) {
      const far = new MemoryLink(to, this.#carry);
      near.other = far;
      far.other = near;
      from.links.add(near);
      if (to.accept(far)) return near;
      from.links.delete(near);
    }
    throw externalError("peer_unreachable", address, `nobody answers at ${address}`);
  }

  /** Closes the links between two nodes. */
  cut(one: string, other: string): void {
    for (const link of [...(this.#nodes.get(one)?.links ?? [])]) {
      if (link.other?.node.name === other) link.close("the link was cut");
    }
  }
  /** Cuts, and lets them not connect until `join`. */
  part(one: string, other: string): void {
    this.#apart.add(pairOf(one, other));
    this.cut(one, other);
  }
  join(one: string, other: string): void {
    this.#apart.delete(pairOf(one, other));
  }
}

const pairOf = (one: string, other: string): string => [one, other].sort().join(" ");
