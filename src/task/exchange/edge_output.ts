// The end of a chain on one edge: rows are collected by target task, watermarks follow the rows that they follow.
//
// Batches leave when they are full, and all of them at `flush`: the task flushes when it pauses and every few
// milliseconds, so rows neither wait long nor travel in crumbs. The newest watermark leaves with the flush, and so does
// the word that no rows are expected for now.

import type { CheckpointId } from "../../base/ids.ts";
import type { EdgePlan } from "../../graph/plan.ts";
import type { BatchRegion } from "../../kernel/batch_region.ts";
import type { Receiver } from "../../operators/operator.ts";
import type { Frame } from "../../protocol/frames.ts";
import type { BarrierMode } from "../../protocol/messages.ts";
import { WATERMARK_MIN } from "../../time/window.ts";
import type { CreditedSender } from "./credited_sender.ts";
import { frameOf } from "./region_frame.ts";
import { Router } from "./router.ts";

export interface EdgeOutputWiring {
  readonly edge: EdgePlan;
  /** What the producer fills. */
  readonly region: BatchRegion;
  /** One a target task, in the order of subtasks. */
  readonly senders: readonly CreditedSender[];
  readonly maxParallelism: number;
}

export class EdgeOutput implements Receiver {
  readonly #wiring: EdgeOutputWiring;
  readonly #router: Router | undefined;
  #turn = 0;
  #watermark = WATERMARK_MIN;
  #watermarkSent = WATERMARK_MIN;
  #isIdle = false;
  #idleSent = false;
  #rowsOut = 0;

  constructor(wiring: EdgeOutputWiring) {
    this.#wiring = wiring;
    const { edge, region, senders, maxParallelism } = wiring;
    if (edge.partition.kind === "hash" && senders.length > 1) {
      this.#router = new Router({
        input: region,
        keyColumns: edge.partition.columns,
        targets: senders.length,
        maxParallelism,
        watermarks: edge.watermarks,
        weights: edge.updating,
      });
    }
  }

  get edge(): number {
    return this.#wiring.edge.id;
  }
  get blocked(): boolean {
    return this.#wiring.senders.some((one) => one.blocked);
  }
  get rowsOut(): number {
    return this.#rowsOut;
  }

  process(): void {
    const { region, senders } = this.#wiring;
    if (region.rowCount === 0) return;
    this.#isIdle = false;
    this.#idleSent = false;
    if (this.#router !== undefined) return this.#router.scatter((target) => this.#empty(target));
    const target = this.#turn;
    this.#turn = (target + 1) % senders.length;
    this.#send(target, region);
  }

  onWatermark(watermark: bigint): void {
    if (watermark <= this.#watermark) return;
    this.#watermark = watermark;
    this.#isIdle = false;
  }

  onIdle(): void {
    this.#isIdle = true;
  }

  #empty(target: number): void {
    const router = this.#router as Router;
    this.#send(target, router.region(target));
    router.emptied(target);
  }

  #send(target: number, region: BatchRegion): void {
    const sender = this.#wiring.senders[target] as CreditedSender;
    this.#rowsOut += region.rowCount;
    sender.send(frameOf(region, this.#wiring.edge.watermarks, sender));
  }

  flush(): void {
    if (this.#router !== undefined) {
      for (let target = 0; target < this.#wiring.senders.length; target++) {
        if (this.#router.region(target).rowCount > 0) this.#empty(target);
      }
    }
    if (this.#watermark !== this.#watermarkSent) {
      this.#watermarkSent = this.#watermark;
      this.#broadcast({ kind: "watermark", value: this.#watermark });
      this.#idleSent = false;
    }
    if (!this.#isIdle || this.#idleSent) return;
    this.#idleSent = true;
    this.#broadcast({ kind: "idle" });
  }

  barrier(checkpoint: CheckpointId, mode: BarrierMode): void {
    this.flush();
    this.#broadcast({ kind: "barrier", checkpoint, mode });
  }

  end(): void {
    this.flush();
    this.#broadcast({ kind: "end" });
  }

  #broadcast(frame: Frame): void {
    for (const sender of this.#wiring.senders) sender.send(frame);
  }

  close(): void {
    for (const sender of this.#wiring.senders) sender.close();
  }
}
