// Contestant: DuckDB in memory on one thread over the same rows, loaded before the clock starts. It holds all
// windows at once and hands out one row: writing its groups out is not in its time.
//
// Two ways to say "minute": dividing an integer of milliseconds, the fastest that we found, and `time_bucket` over a
// TIMESTAMP column, which is how windows are usually written in DuckDB.

import { BIGINT, type DuckDBConnection, DuckDBDataChunk, DuckDBInstance } from "@duckdb/node-api";
import { startCoreClock } from "./core_seconds.ts";
import { type Fingerprint, type Outcome, type TumblingData, WINDOW_MS } from "./tumbling_data.ts";

const CHUNK_ROWS = 2048;

const windowBy = {
  division: `time // ${WINDOW_MS}`,
  bucket: `time_bucket(INTERVAL ${WINDOW_MS / 1000} SECOND, moment)`,
} as const;

const groups = (window: string): string => `SELECT key, ${window} AS w,
  count(*) AS c, sum(value) AS s, min(value) AS lo, max(value) AS hi FROM events GROUP BY key, w`;

export class DuckDbTumbling {
  readonly #connection: DuckDBConnection;

  private constructor(connection: DuckDBConnection) {
    this.#connection = connection;
  }

  static async load(data: TumblingData): Promise<DuckDbTumbling> {
    const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
    const connection = await instance.connect();
    await connection.run("CREATE TABLE loaded (key BIGINT, time BIGINT, value BIGINT)");
    const appender = await connection.createAppender("loaded");
    for (let start = 0; start < data.rows; start += CHUNK_ROWS) {
      const end = Math.min(start + CHUNK_ROWS, data.rows);
      const chunk = DuckDBDataChunk.create([BIGINT, BIGINT, BIGINT], end - start);
      [data.key, data.time, data.value].forEach((column, index) => {
        chunk.setColumnValues(index, Array.from(column.subarray(start, end)));
      });
      appender.appendDataChunk(chunk);
    }
    appender.closeSync();
    await connection.run("CREATE TABLE events AS SELECT *, make_timestamp(time * 1000) AS moment FROM loaded");
    await connection.run("DROP TABLE loaded");
    return new DuckDbTumbling(connection);
  }

  async run(window: keyof typeof windowBy): Promise<Outcome> {
    const seconds = startCoreClock();
    const reader = await this.#connection.runAndReadAll(
      `SELECT count(*), sum(c), sum(s), sum(lo), sum(hi) FROM (${groups(windowBy[window])})`,
    );
    const took = seconds();
    const [groupCount, rows] = (reader.getRows()[0] as unknown[]).map(Number) as [number, number];
    return { seconds: took, fingerprint: { groups: groupCount, rows, mix: 0n } };
  }

  async fingerprint(): Promise<Fingerprint> {
    const reader = await this.#connection.runAndReadAll(
      `SELECT count(*), sum(c), sum((key % 97 + 1) * (w % 89 + 1) * ((c * 7 + s * 5 + lo * 3 + hi) % 1000003)) FROM (${groups(windowBy.division)})`,
    );
    const [groupCount, rows, mix] = reader.getRows()[0] as unknown[];
    return { groups: Number(groupCount), rows: Number(rows), mix: BigInt(mix as bigint) };
  }

  close(): void {
    this.#connection.closeSync();
  }
}
