// Calls to a store that answers each on its own, in the order in which they were made.
// Invariant: a write runs alone; reads between two writes run side by side; a failed call holds nobody up.

export class CallOrder {
  /** Never rejects. */
  #lastWrite: Promise<unknown> = Promise.resolve();
  readonly #reads = new Set<Promise<unknown>>();

  read<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#lastWrite.then(run);
    const settled: Promise<unknown> = result.catch(() => undefined).then(() => this.#reads.delete(settled));
    this.#reads.add(settled);
    return result;
  }

  write<T>(run: () => Promise<T>): Promise<T> {
    const result = Promise.all([this.#lastWrite, ...this.#reads]).then(run);
    this.#lastWrite = result.catch(() => undefined);
    return result;
  }

  /** Resolves when every call made so far is answered. */
  async idle(): Promise<void> {
    await Promise.all([this.#lastWrite, ...this.#reads]);
  }
}
