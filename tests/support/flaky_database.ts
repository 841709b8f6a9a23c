// A real database whose calls fail when a test says so: before they took effect, or after (the answer is lost).

import type { SqlDatabase, SqlRow, SqlStatement } from "../../src/platform/ports.ts";

export type Failure = "before" | "after";

export class FlakyDatabase implements SqlDatabase {
  readonly #real: SqlDatabase;
  /** Asked for each batch: how it fails, if it does. */
  failBatch: (batch: number) => Failure | undefined = () => undefined;
  failQuery: (query: number) => boolean = () => false;
  batches = 0;
  queries = 0;

  constructor(real: SqlDatabase) {
    this.#real = real;
  }

  async batch(statements: readonly SqlStatement[]): Promise<void> {
    const failure = this.failBatch(this.batches++);
    if (failure === "before") throw new Error("the store failed before it wrote");
    await this.#real.batch(statements);
    if (failure === "after") throw new Error("the store wrote and its answer was lost");
  }

  async query(statement: SqlStatement): Promise<readonly SqlRow[]> {
    if (this.failQuery(this.queries++)) throw new Error("the store cannot be read");
    return await this.#real.query(statement);
  }
}
