// Messages to a task, taken between two batches; waiting on it is how an idle task waits.

import type { ToTask } from "../protocol/messages.ts";

export class Mailbox {
  readonly #messages: ToTask[] = [];
  #wake: (() => void) | undefined;

  deliver(message: ToTask): void {
    this.#messages.push(message);
    this.wake();
  }

  take(): ToTask | undefined {
    return this.#messages.shift();
  }

  /** Ends a wait early, message or not. */
  wake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Resolves once there is a message, or `wake` is called. One waiter at a time. */
  wait(): Promise<void> {
    if (this.#messages.length > 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
