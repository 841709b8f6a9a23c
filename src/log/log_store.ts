// The logs of a directory as the connectors see them.

import { userError } from "../base/errors.ts";
import type { LogStore } from "../connectors/log_store.ts";
import type { DurableLog } from "./durable_log.ts";
import { checkLogName, type SqlLogDirectory } from "./log_directory.ts";
import { bodyKindOf } from "./record_body.ts";

/** What a log sink creates where its log is missing. */
const SINK_CONTENT_TYPE = "application/json";

export function logStoreOf(directory: SqlLogDirectory): LogStore {
  const open = async (name: string): Promise<DurableLog> => {
    const log = await directory.open(name, true);
    if (log !== undefined) return log;
    throw userError("log_not_found", `log ${name}`, `there is no log ${name}; create it before a job reads it`);
  };
  return {
    describe: async (name) => await (await directory.open(name, false))?.facts(),
    read: async (name, from, bytesMax) => await (await open(name)).read(from, bytesMax),
    waitForMore: async (name, from, timeoutMs) => await (await open(name)).waitForMore(from, timeoutMs),
    prepareCommits: async (name, scope) => {
      checkLogName(name);
      const log = await openOrCreate(directory, name);
      const { contentType, closed } = await log.facts();
      const where = `sink ${scope.sink}`;
      if (bodyKindOf(contentType) === "bytes") {
        throw userError("log_not_json", where, `log ${name} holds ${contentType}; a sink writes to JSON logs only`);
      }
      if (closed) throw userError("log_closed", where, `log ${name} is closed; name another`);
      await log.prepareCommits(scope);
    },
    commit: async (name, scope, committables) => await (await open(name)).commitStaged(scope, committables),
  };
}

async function openOrCreate(directory: SqlLogDirectory, name: string): Promise<DurableLog> {
  for (;;) {
    const existing = await directory.open(name, true);
    if (existing !== undefined) return existing;
    const outcome = await directory.create(name, {
      contentType: SINK_CONTENT_TYPE,
      ttlSeconds: undefined,
      expiresAt: undefined,
      records: [],
      closed: false,
    });
    // A conflict is another creator who was faster: what he made is opened and judged like any other.
    if (outcome.kind !== "conflict") return outcome.log;
  }
}
