// One request to suspend a job, from the moment it is made until it is known what became of it.
// Invariant: it is settled once, by whichever comes first; nobody has to wait for it.

import type { MillraceError } from "../base/errors.ts";

export class Suspension {
  /** The id of the savepoint that the job is suspended with, once it has one. */
  savepoint: string | undefined;
  /** Resolves when the job is suspended, or has finished; rejects with what kept it from that. */
  readonly settled: Promise<void>;
  #reached: () => void = () => undefined;
  #failed: (error: MillraceError) => void = () => undefined;

  constructor() {
    this.settled = new Promise((resolve, reject) => {
      this.#reached = resolve;
      this.#failed = reject;
    });
    this.settled.catch(() => undefined); // whoever waits hears of it
  }

  reached(): void {
    this.#reached();
  }
  fail(error: MillraceError): void {
    this.#failed(error);
  }
}
