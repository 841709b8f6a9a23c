// The connectors of a deployment on Node, Deno or Bun.

import { type MillraceError, userError } from "../../src/base/errors.ts";
import { generatorSource } from "../../src/connectors/generator_source.ts";
import { logSink } from "../../src/connectors/log_sink.ts";
import { logSource } from "../../src/connectors/log_source.ts";
import type { LogStore } from "../../src/connectors/log_store.ts";
import { type MemoryInputs, memorySource } from "../../src/connectors/memory_source.ts";
import { ndjsonFileSource } from "../../src/connectors/ndjson_file_source.ts";
import { ndjsonFilesSink } from "../../src/connectors/ndjson_files_sink.ts";
import { parquetFileSource } from "../../src/connectors/parquet_file_source.ts";
import { printSink } from "../../src/connectors/print_sink.ts";
import { tableSink } from "../../src/connectors/table_sink.ts";
import type { ConnectorFactory } from "../../src/engine/connector_factory.ts";
import { sinkInput, type SinkNode, type SourceNode } from "../../src/graph/plan.ts";
import type { Platform } from "../../src/platform/platform.ts";
import type { Files } from "../../src/platform/ports.ts";

export interface ConnectorPorts {
  readonly platform: Platform;
  readonly logs: LogStore;
  /** Batches that the embedding program registered; empty for a server. */
  readonly memory?: MemoryInputs;
}

export function localConnectors({ platform, logs, memory = new Map() }: ConnectorPorts): ConnectorFactory {
  const files = (node: SourceNode | SinkNode): Files => {
    if (platform.files === undefined) throw unavailable(node, "files", "a deployment with a file system");
    return platform.files;
  };
  return {
    source: (node) => {
      switch (node.connector.kind) {
        case "ndjson_file":
          return ndjsonFileSource(files(node), node);
        case "log":
          return logSource(logs, node);
        case "memory":
          return memorySource(memory, node);
        case "parquet_file":
          return parquetFileSource(files(node), node);
        case "generator":
          return generatorSource(platform.clock, node);
      }
    },
    sink: (node) => {
      const { connector } = node;
      const { schema, updating } = sinkInput(node);
      switch (connector.kind) {
        case "table":
          if (connector.database !== undefined) throw unknownDatabase(node, connector.database);
          return tableSink(platform.tables, { ...connector, schema, updating });
        case "ndjson_files":
          return ndjsonFilesSink(files(node), { directory: connector.directory, schema, updating });
        case "log":
          return logSink(logs, node);
        case "print":
          return printSink(platform.console, schema, updating);
      }
    },
  };
}

const unavailable = (node: SourceNode | SinkNode, what: string, right: string): MillraceError =>
  userError(
    "connector_unavailable",
    `operator ${node.uid}`,
    `this deployment has no connector for ${what}; ${right} would be right`,
  );

const unknownDatabase = (node: SinkNode, database: string): MillraceError =>
  userError(
    "database_unknown",
    `operator ${node.uid}`,
    `this deployment has no database ${JSON.stringify(database.slice(0, 80))}; leave it out to use the deployment's own`,
  );
