// All sources of one task, read in turn.

import { present } from "../base/assert.ts";
import type { KernelInstance } from "../kernel/instance.ts";
import type { SourceSnapshot } from "../protocol/snapshot.ts";
import { WATERMARK_MAX, WATERMARK_MIN } from "../time/window.ts";
import type { SourceInlet } from "./chain.ts";
import { SourceDriver } from "./source_driver.ts";
import type { TaskWiring } from "./task_wiring.ts";

interface DrivenSource {
  readonly inlet: SourceInlet;
  readonly driver: SourceDriver;
  /** Time has ended behind it. */
  ended: boolean;
}

export type SourceOutcome =
  /** One batch of one source has gone through the chain, or a source has ended. */
  | { readonly kind: "read"; readonly rowsIn: number; readonly rowsRejected: number }
  | { readonly kind: "idle"; readonly retryAfterMs: number };

export class SourceReads {
  readonly #sources: DrivenSource[] = [];
  #turn = 0;

  static async open(wiring: TaskWiring, inlets: readonly SourceInlet[], kernel: KernelInstance): Promise<SourceReads> {
    const { connectors, deployment, platform } = wiring;
    const reads = new SourceReads();
    try {
      for (const inlet of inlets) {
        const { node, outlet } = inlet;
        const connector = present(connectors.sources.get(node.uid), `the connector of source ${node.uid}`);
        const splits = deployment.restore.sources.find((one) => one.uid === node.uid)?.splits ?? [];
        const driver = await SourceDriver.open(node, connector, kernel, outlet.region, splits, platform.clock);
        reads.#sources.push({ inlet, driver, ended: false });
      }
    } catch (error) {
      await reads.close().catch(() => undefined); // what made opening fail is the error to tell
      throw error;
    }
    return reads;
  }

  get ended(): boolean {
    return this.#sources.every((one) => one.ended);
  }
  /** To what comes after each source that is idle by its own declaration. */
  sayWhatIsIdle(): void {
    for (const { inlet, driver, ended } of this.#sources) if (!ended && driver.idle) inlet.outlet.onIdle();
  }

  /** Reads one batch from the next source that has rows, and takes it through the chain. */
  async read(rowsMax: number): Promise<SourceOutcome> {
    let retryAfterMs = Number.POSITIVE_INFINITY;
    for (let tried = 0; tried < this.#sources.length; tried++) {
      const one = this.#sources[this.#turn] as DrivenSource;
      this.#turn = (this.#turn + 1) % this.#sources.length;
      if (one.ended) continue;
      const outcome = await one.driver.read(rowsMax);
      switch (outcome.kind) {
        case "rows":
          return this.#process(one, outcome.rejected);
        case "ended":
          this.#end(one);
          return { kind: "read", rowsIn: 0, rowsRejected: 0 };
        case "idle":
          // Idleness of some splits may have let time pass.
          this.#advance(one);
          // Others may have rows without end, so that nobody ever waits.
          if (one.driver.idle) one.inlet.outlet.onIdle();
          retryAfterMs = Math.min(retryAfterMs, outcome.retryAfterMs);
      }
    }
    return { kind: "idle", retryAfterMs };
  }

  #process(one: DrivenSource, rejected: Parameters<SourceInlet["writeRejected"]>[0]): SourceOutcome {
    const { outlet } = one.inlet;
    const rows = outlet.region.rowCount;
    if (rows > 0) outlet.process();
    one.inlet.writeRejected(rejected);
    this.#advance(one);
    const rowsRejected = rejected.length;
    return { kind: "read", rowsIn: rows + rowsRejected, rowsRejected };
  }

  #advance(one: DrivenSource): void {
    const { watermark } = one.driver;
    if (watermark !== WATERMARK_MIN && watermark !== WATERMARK_MAX) one.inlet.outlet.onWatermark(watermark);
  }

  #end(one: DrivenSource): void {
    one.ended = true;
    one.inlet.outlet.onWatermark(WATERMARK_MAX);
  }

  /** Time ends for every source, though there may be more to read: all windows and timers fire. */
  drain(): void {
    for (const one of this.#sources) if (!one.ended) one.inlet.outlet.onWatermark(WATERMARK_MAX);
  }

  /** Smallest over the sources that have not ended; idle ones count where all are. */
  get watermark(): bigint {
    const open = this.#sources.filter((one) => !one.ended);
    const awake = open.filter((one) => !one.driver.idle);
    const marks = (awake.length > 0 ? awake : open).map((one) => one.driver.watermark);
    return marks.reduce((least, one) => (one < least ? one : least), WATERMARK_MAX);
  }

  snapshot(): readonly SourceSnapshot[] {
    return this.#sources.map((one) => one.driver.snapshot());
  }

  /** Share of the input that has been read; undefined where a source cannot tell, or there is none. */
  progress(): number | undefined {
    let sum = 0;
    for (const { driver } of this.#sources) {
      const share = driver.progress();
      if (share === undefined) return undefined;
      sum += share;
    }
    return this.#sources.length === 0 ? undefined : sum / this.#sources.length;
  }

  async close(): Promise<void> {
    // Each gets its turn, whatever becomes of the others.
    const closed = await Promise.allSettled(this.#sources.map((one) => one.driver.close()));
    for (const one of closed) if (one.status === "rejected") throw one.reason;
  }
}
