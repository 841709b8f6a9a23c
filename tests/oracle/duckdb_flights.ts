// What the flights job must give, computed by DuckDB from the parquet file itself: nothing of Millrace takes part, and
// neither does the NDJSON file that the job reads.
//
// The job: per origin and hour of the date, departures, mean and maximum delay, share of flights over 15 minutes late.
// Flights come in order of arrival (date + delay minutes; those of one minute in the order of the file). A flight is
// late when its hour had ended before it came: window end <= (greatest date of the flights before it) - bound.
// Runs under Node only.

import { fileURLToPath } from "node:url";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";

const PARQUET = fileURLToPath(new URL("../../node_modules/vega-datasets/data/flights-3m.parquet", import.meta.url));

export interface FlightsQuestion {
  /** How far behind the greatest date so far a flight's hour may end; 60 minutes. */
  readonly boundMs: number;
  readonly windowMs: number;
  /** Only the first so many arrivals. */
  readonly flights: number;
  /**
   * Where the arrivals are cut into parts that are read independently: the position (from 1) of each part's first
   * flight but that of the first. Only flights of the same part decide what is late in it. Absent: one part.
   */
  readonly cuts?: readonly number[];
}

export const wholeQuestion: FlightsQuestion = { boundMs: 3_600_000, windowMs: 3_600_000, flights: 3_000_000 };

/** One row of the result; times in ms since 1970. */
export interface FlightsWindow {
  readonly windowStart: number;
  readonly windowEnd: number;
  readonly origin: string;
  readonly departures: number;
  readonly meanDelay: number;
  readonly maxDelay: number;
  readonly lateShare: number;
}

export interface Flight {
  readonly date: number;
  readonly delay: number;
  readonly distance: number;
  readonly origin: string;
  readonly destination: string;
}

export interface FlightsFacts {
  readonly flights: number;
  readonly lateFlights: number;
  readonly windows: number;
  /** Minutes that a flight's date lies behind the greatest date before it; negative where it is ahead. */
  readonly disorder: { readonly p50: number; readonly p99: number; readonly max: number };
}

export class FlightsOracle {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection) {
    this.#instance = instance;
    this.#connection = connection;
  }

  static async open(question: FlightsQuestion = wholeQuestion): Promise<FlightsOracle> {
    const instance = await DuckDBInstance.create(":memory:");
    const connection = await instance.connect();
    await connection.run(arrivalsSql(question));
    return new FlightsOracle(instance, connection);
  }

  /** The result, ordered by window and origin. */
  async windows(): Promise<FlightsWindow[]> {
    return (await this.#rows(`
      SELECT window_start AS "windowStart", window_end AS "windowEnd", origin,
        count(*)::DOUBLE AS departures,
        sum(delay)::DOUBLE / count(*)::DOUBLE AS "meanDelay",
        max(delay)::DOUBLE AS "maxDelay",
        count(*) FILTER (WHERE delay > 15)::DOUBLE / count(*)::DOUBLE AS "lateShare"
      FROM arrivals WHERE NOT late
      GROUP BY ALL ORDER BY window_start, origin`)) as unknown as FlightsWindow[];
  }

  /** What the side output gets, in order of arrival. */
  async lateFlights(): Promise<Flight[]> {
    return (await this.#rows(`
      SELECT date, delay::DOUBLE AS delay, distance::DOUBLE AS distance, origin, destination
      FROM arrivals WHERE late ORDER BY position`)) as unknown as Flight[];
  }

  /** Every flight, in order of arrival. */
  async arrivals(): Promise<Flight[]> {
    return (await this.#rows(`
      SELECT date, delay::DOUBLE AS delay, distance::DOUBLE AS distance, origin, destination
      FROM arrivals ORDER BY position`)) as unknown as Flight[];
  }

  async facts(): Promise<FlightsFacts> {
    const [row] = await this.#rows(`
      SELECT count(*)::DOUBLE AS flights, count(*) FILTER (WHERE late)::DOUBLE AS late,
        (SELECT count(*) FROM (SELECT DISTINCT window_start, origin FROM arrivals WHERE NOT late))::DOUBLE AS windows,
        quantile_disc((greatest_before - date) / 60000, 0.5)::DOUBLE AS p50,
        quantile_disc((greatest_before - date) / 60000, 0.99)::DOUBLE AS p99,
        max((greatest_before - date) / 60000)::DOUBLE AS max
      FROM arrivals`);
    const { flights, late, windows, p50, p99, max } = row as Record<string, number>;
    return {
      flights: Number(flights),
      lateFlights: Number(late),
      windows: Number(windows),
      disorder: { p50: Number(p50), p99: Number(p99), max: Number(max) },
    };
  }

  async #rows(sql: string): Promise<Record<string, unknown>[]> {
    return (await this.#connection.runAndReadAll(sql)).getRowObjectsJS();
  }

  close(): void {
    this.#connection.closeSync();
    this.#instance.closeSync();
  }
}

/** All times are DOUBLE: whole milliseconds, which a double holds exactly, and JavaScript reads as they are. */
const arrivalsSql = ({ boundMs, windowMs, flights, cuts = [] }: FlightsQuestion): string => `
  CREATE TABLE arrivals AS
  WITH known AS (
    SELECT epoch_ms(date) AS date_ms, epoch_ms(date) + delay * 60000 AS arrival_ms, file_row_number,
      delay, distance, origin, destination
    FROM read_parquet('${PARQUET.replaceAll("'", "''")}', file_row_number = true)
    ORDER BY arrival_ms, file_row_number LIMIT ${flights}
  ), numbered AS (
    SELECT *, row_number() OVER (ORDER BY arrival_ms, file_row_number) AS position FROM known
  ), parted AS (
    SELECT *, ${cuts.length === 0 ? "0" : cuts.map((first) => `(position >= ${first})::INT`).join(" + ")} AS part FROM numbered
  ), watched AS (
    SELECT *,
      max(date_ms) OVER (PARTITION BY part ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_ms,
      (date_ms // ${windowMs}) * ${windowMs} AS start_ms
    FROM parted
  )
  SELECT position, date_ms::DOUBLE AS date, delay, distance, origin, destination,
    start_ms::DOUBLE AS window_start, (start_ms + ${windowMs})::DOUBLE AS window_end,
    before_ms::DOUBLE AS greatest_before,
    coalesce(start_ms + ${windowMs} <= before_ms - ${boundMs}, false) AS late
  FROM watched`;
