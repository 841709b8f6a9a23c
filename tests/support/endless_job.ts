// A job that has rows for hours, slowly: for tests of what is done to jobs at work.

/** Counts the rows of ten accounts in windows of a minute, `uid` being the operator that does. */
export const endlessJob = (name: string, table = "sums", uid = "minutes") => ({
  millrace: 1,
  name,
  checkpoint: { intervalMs: 50 },
  operators: [
    {
      uid: "events",
      kind: "source",
      connector: { kind: "generator", seed: 3, rows: 10_000_000, keys: 10, stepMs: 10, ratePerSecond: 2000 },
      schema: [
        { name: "at", type: "timestamp" },
        { name: "account", type: "utf8" },
        { name: "amount", type: "i64" },
      ],
      eventTime: { column: "at", boundMs: 0 },
    },
    {
      uid,
      kind: "window",
      input: "events",
      keyBy: ["account"],
      window: { kind: "tumbling", sizeMs: 60_000 },
      aggregates: { events: { function: "count" } },
    },
    { uid: "result", kind: "sink", input: uid, connector: { kind: "table", table, mode: "append" } },
  ],
});
