// Contestant: DuckDB in memory on one thread over the same rows, loaded before the clock starts. It holds all
// windows at once and hands out one row: writing its groups out is not in its time.

import { BIGINT, type DuckDBConnection, DuckDBDataChunk, DuckDBInstance } from "@duckdb/node-api";
import { startCoreClock } from "./core_seconds.ts";
import { type Fingerprint, type Outcome, type TumblingData, WINDOW_MS } from "./tumbling_data.ts";

const CHUNK_ROWS = 2048;

const GROUPS = `SELECT key, time // ${WINDOW_MS} AS w, count(*) AS c, sum(value) AS s, min(value) AS lo, max(value) AS hi
  FROM events GROUP BY key, w`;

export class DuckDbTumbling {
  readonly #connection: DuckDBConnection;

  private constructor(connection: DuckDBConnection) {
    this.#connection = connection;
  }

  static async load(data: TumblingData): Promise<DuckDbTumbling> {
    const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
    const connection = await instance.connect();
    await connection.run("CREATE TABLE events (key BIGINT, time BIGINT, value BIGINT)");
    const appender = await connection.createAppender("events");
    for (let start = 0; start < data.rows; start += CHUNK_ROWS) {
      const end = Math.min(start + CHUNK_ROWS, data.rows);
      const chunk = DuckDBDataChunk.create([BIGINT, BIGINT, BIGINT], end - start);
      [data.key, data.time, data.value].forEach((column, index) => {
        chunk.setColumnValues(index, Array.from(column.subarray(start, end)));
      });
      appender.appendDataChunk(chunk);
    }
    appender.closeSync();
    return new DuckDbTumbling(connection);
  }

  async run(): Promise<Outcome> {
    const seconds = startCoreClock();
    const reader = await this.#connection.runAndReadAll(
      `SELECT count(*), sum(c), sum(s), sum(lo), sum(hi) FROM (${GROUPS})`,
    );
    const took = seconds();
    const [groups, rows] = (reader.getRows()[0] as unknown[]).map(Number) as [number, number];
    return { seconds: took, fingerprint: { groups, rows, mix: 0n } };
  }

  async fingerprint(): Promise<Fingerprint> {
    const reader = await this.#connection.runAndReadAll(
      `SELECT count(*), sum(c), sum((key % 97 + 1) * (w % 89 + 1) * ((c * 7 + s * 5 + lo * 3 + hi) % 1000003)) FROM (${GROUPS})`,
    );
    const [groups, rows, mix] = reader.getRows()[0] as unknown[];
    return { groups: Number(groups), rows: Number(rows), mix: BigInt(mix as bigint) };
  }

  close(): void {
    this.#connection.closeSync();
  }
}
