// Rows into NDJSON files of a directory, exactly once: each committable becomes one file, which appears whole and
// only after its checkpoint is durable.
//
//   <directory>/<sink>-<branch>-<checkpoint, 10 digits>-<index, 6 digits>.ndjson
//
// Invariant: the name depends on the committable alone, and so do the bytes, so a replay, even by a generation that
// has been replaced, writes what is there already. That takes the place of a fence, which files cannot have.

import type { Schema } from "../batch/schema.ts";
import { MillraceError } from "../base/errors.ts";
import type { Files } from "../platform/ports.ts";
import type { Committable, CommitScope, SinkConnector } from "./sink.ts";
import { linesWriter } from "./staged_lines.ts";

export interface NdjsonFilesTarget {
  readonly directory: string;
  readonly schema: Schema;
  /** Rows are taken back: the files hold a changelog. */
  readonly updating?: boolean;
}

/** Sorting names sorts checkpoints. */
const CHECKPOINT_DIGITS = 10;
const INDEX_DIGITS = 6;

export function ndjsonFilesSink(files: Files, target: NdjsonFilesTarget): SinkConnector {
  const directory = target.directory.replace(/\/+$/, "");
  return {
    guarantee: "exactly_once",
    writer: () => linesWriter(target.schema, `the files of ${directory}`, target.updating === true),
    prepare: async () => {
      // A directory that may not be used is better told of now than at the first commit.
      await files.list(directory).catch((error: unknown) => {
        if (!(error instanceof MillraceError) || error.code !== "file_not_found") throw error;
      });
    },
    commit: async (scope, committables) => {
      for (const one of committables) await files.writeAtomically(`${directory}/${fileName(scope, one)}`, one.bytes);
    },
  };
}

export function fileName(scope: CommitScope, committable: Pick<Committable, "checkpoint" | "index">): string {
  const checkpoint = String(committable.checkpoint).padStart(CHECKPOINT_DIGITS, "0");
  const index = String(committable.index).padStart(INDEX_DIGITS, "0");
  return `${scope.sink}-${scope.branch}-${checkpoint}-${index}.ndjson`;
}
