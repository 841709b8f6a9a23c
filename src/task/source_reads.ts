// All sources of one task, read in turn.

import { present } from "../base/assert.ts";
import type { KernelInstance } from "../kernel/instance.ts";
import type { SourceSnapshot } from "../protocol/snapshot.ts";
import { WATERMARK_MAX, WATERMARK_MIN } from "../time/window.ts";
import type { SourceInlet } from "./chain.ts";
import { type DriveOutcome, SourceDriver } from "./source_driver.ts";
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
  /** Of the read that is under way: sources that were asked, and when the first of them is to be asked again. */
  #tried = 0;
  #retryAfterMs = 0;

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

  /**
   * Reads one batch from the next source that has rows, and takes it through the chain; a promise only where a source
   * has to be waited for.
   */
  read(rowsMax: number): SourceOutcome | Promise<SourceOutcome> {
    this.#tried = 0;
    this.#retryAfterMs = Number.POSITIVE_INFINITY;
    return this.#readOn(rowsMax);
  }

  #readOn(rowsMax: number): SourceOutcome | Promise<SourceOutcome> {
    while (this.#tried++ < this.#sources.length) {
      const one = this.#sources[this.#turn] as DrivenSource;
      this.#turn = (this.#turn + 1) % this.#sources.length;
      if (one.ended) continue;
      const outcome = one.driver.read(rowsMax);
      if (outcome instanceof Promise) return outcome.then((its) => this.#taken(one, its) ?? this.#readOn(rowsMax));
      const taken = this.#taken(one, outcome);
      if (taken !== undefined) return taken;
    }
    return { kind: "idle", retryAfterMs: this.#retryAfterMs };
  }

  /** undefined: the next source is to be asked. */
  #taken(one: DrivenSource, outcome: DriveOutcome): SourceOutcome | undefined {
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
        this.#retryAfterMs = Math.min(this.#retryAfterMs, outcome.retryAfterMs);
        return undefined;
    }
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

  /** Smallest over the sources that have not ended; idle ones count where all are. undefined: there are no sources. */
  get watermark(): bigint | undefined {
    if (this.#sources.length === 0) return undefined;
    const allIdle = this.#sources.every((one) => one.ended || one.driver.idle);
    let least = WATERMARK_MAX;
    for (const { driver, ended } of this.#sources) {
      if (ended || (!allIdle && driver.idle)) continue;
      const { watermark } = driver;
      if (watermark < least) least = watermark;
    }
    return least;
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
