// Rows for the person at the terminal, one line of JSON each, after their checkpoint is durable.
// A terminal keeps no ledger: after a failure between printing and recording, lines appear again.

import { textOf } from "../base/bytes.ts";
import type { Schema } from "../batch/schema.ts";
import type { Console } from "../platform/ports.ts";
import type { SinkConnector } from "./sink.ts";
import { linesWriter } from "./staged_lines.ts";

export function printSink(console: Console, schema: Schema, updating = false): SinkConnector {
  return {
    guarantee: "at_least_once",
    writer: () => linesWriter(schema, "the terminal", updating),
    prepare: () => Promise.resolve(),
    commit: async (_scope, committables) => {
      for (const one of committables) {
        for (const line of textOf(one.bytes).split("\n")) if (line !== "") console.print(line);
      }
    },
  };
}
