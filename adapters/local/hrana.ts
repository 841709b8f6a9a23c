// Batches and queries over Hrana, the protocol of libSQL servers: version 3 over HTTP, encoded as protobuf (the JSON
// of version 2 has no infinities, and blobs travel a third longer in it). Each call is one request with a stream of
// its own, which ends with it.

import { BatchCond, type HttpClient, openHttp, Stmt } from "@libsql/hrana-client";
import type { SqlRow, SqlStatement, SqlValue } from "../../src/platform/ports.ts";
import { boundValue, plainValue } from "./libsql_values.ts";

/** A batch of which a part was skipped, although no step of it failed. */
export class BatchCutShort extends Error {
  override name = "BatchCutShort";
  readonly code = "TRANSACTION_BUSY";
}

export class WrongProtocol extends Error {
  override name = "WrongProtocol";
  readonly code = "HRANA_PROTO_ERROR";
}

export class Hrana {
  readonly #open: () => HttpClient;
  #client: HttpClient | undefined;

  constructor(url: string, token: string | undefined, timeoutMs: number) {
    // Answers are small, and the server is near: packing them would cost both sides more than it saves.
    const timed = (request: Request): Promise<Response> => {
      request.headers.set("accept-encoding", "identity");
      return fetch(request, { signal: AbortSignal.timeout(timeoutMs) });
    };
    this.#open = () => openHttp(`${url}/`, token, timed, undefined, 3);
  }

  /** One transaction: all statements or none. */
  async batch(statements: readonly SqlStatement[]): Promise<void> {
    const stream = (await this.#connected()).openStream();
    const batch = stream.batch(false);
    const begin = batch.step();
    const steps: Promise<unknown>[] = [begin.run("BEGIN IMMEDIATE")];
    let last = begin;
    for (const statement of statements) {
      const inTransaction = BatchCond.not(BatchCond.isAutocommit(batch));
      const step = batch.step().condition(BatchCond.ok(last)).condition(inTransaction);
      steps.push(step.run(stmtOf(statement)));
      last = step;
    }
    const commit = batch.step().condition(BatchCond.ok(last));
    steps.push(commit.run("COMMIT"));
    const rollback = batch.step().condition(BatchCond.not(BatchCond.ok(commit)));
    const rolledBack = rollback.run("ROLLBACK");
    const outcomes = Promise.allSettled([...steps, rolledBack]);
    try {
      await batch.execute();
    } finally {
      stream.closeGracefully();
    }
    // Only the first failure tells why; the steps after it were skipped, and so was the ROLLBACK where all went well.
    const settled = (await outcomes).slice(0, -1);
    const failed = settled.find((one) => one.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    const skipped = settled.some((one) => one.status === "fulfilled" && one.value === undefined);
    if (skipped) throw new BatchCutShort("the transaction ended before its last statement");
  }

  async query(statement: SqlStatement): Promise<readonly SqlRow[]> {
    const stream = (await this.#connected()).openStream();
    const answer = stream.query(stmtOf(statement));
    stream.closeGracefully();
    const { rows, columnNames } = await answer;
    return rows.map((row) => columnNames.map((_name, column) => plainValue(row[column] as SqlValue | ArrayBuffer)));
  }

  /** The client asks the server for its version first, and is useless for ever where that fails. */
  async #connected(): Promise<HttpClient> {
    if (this.#client === undefined || this.#client.closed) {
      this.#client = this.#open();
      this.#client.intMode = "bigint";
    }
    const client = this.#client;
    const version = await client.getVersion();
    if (version < 3) throw new WrongProtocol("it does not speak version 3 of Hrana over HTTP");
    return client;
  }

  close(): void {
    this.#client?.close();
  }
}

function stmtOf(statement: SqlStatement): Stmt {
  const stmt = new Stmt(statement.sql);
  return stmt.bindIndexes(statement.args.map(boundValue));
}
