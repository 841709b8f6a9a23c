// The connectors of a deployment on Workers: no files; logs in objects of their own; tables in the job's own object.

import { userError } from "../../src/base/errors.ts";
import { generatorSource } from "../../src/connectors/generator_source.ts";
import { logSink } from "../../src/connectors/log_sink.ts";
import { logSource } from "../../src/connectors/log_source.ts";
import type { LogStore } from "../../src/connectors/log_store.ts";
import { printSink } from "../../src/connectors/print_sink.ts";
import { tableSink } from "../../src/connectors/table_sink.ts";
import type { ConnectorFactory } from "../../src/engine/connector_factory.ts";
import { sinkInput, type SinkNode, type SourceNode } from "../../src/graph/plan.ts";
import type { Platform } from "../../src/platform/platform.ts";

export function workerConnectors(platform: Platform, logs: LogStore): ConnectorFactory {
  return {
    source: (node) => {
      switch (node.connector.kind) {
        case "log":
          return logSource(logs, node);
        case "generator":
          return generatorSource(platform.clock, node);
        case "ndjson_file":
        case "parquet_file":
        case "memory":
          throw unavailable(node, "a log or a generator");
      }
    },
    sink: (node) => {
      const { connector } = node;
      const { schema, updating } = sinkInput(node);
      switch (connector.kind) {
        case "table":
          if (connector.database !== undefined) throw unavailable(node, "a table without `database`");
          return tableSink(platform.tables, { ...connector, schema, updating });
        case "log":
          return logSink(logs, node);
        case "print":
          return printSink(platform.console, schema, updating);
        case "ndjson_files":
          throw unavailable(node, "a table or a log");
      }
    },
  };
}

const unavailable = (node: SourceNode | SinkNode, right: string) =>
  userError(
    "connector_unavailable",
    `operator ${node.uid}`,
    `Workers have no ${node.connector.kind === "table" ? "other database" : node.connector.kind}; ${right} would be right`,
  );
