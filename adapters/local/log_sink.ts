// Structured logs through LogTape: one JSON object a line, to the error stream or to a file.
// LogTape is configured once a process; a second call of `openLog` replaces what the first has set up.

import { closeSync, openSync, writeSync } from "node:fs";
import { configureSync, getJsonLinesFormatter, getLogger, type LogRecord, resetSync } from "@logtape/logtape";
import { externalError } from "../../src/base/errors.ts";
import type { LogLevel, LogSink } from "../../src/platform/ports.ts";

export interface LogOptions {
  /** The file that lines are appended to; the error stream where it is undefined. */
  readonly file: string | undefined;
  readonly level: LogLevel;
}

const STDERR = 2;

export function openLog(options: LogOptions): LogSink & { close(): void } {
  const descriptor = options.file === undefined ? STDERR : openForAppend(options.file);
  const format = getJsonLinesFormatter({ properties: "flatten" });
  const write = (record: LogRecord): void => {
    writeAll(descriptor, format(record));
  };
  configureSync({
    reset: true,
    sinks: { lines: write },
    loggers: [
      { category: ["millrace"], sinks: ["lines"], lowestLevel: options.level },
      { category: ["logtape", "meta"], sinks: ["lines"], lowestLevel: "error" },
    ],
  });
  const logger = getLogger(["millrace"]);
  return {
    write: (level, message, fields) => {
      // Braces are placeholders to LogTape; ours are text.
      logger[level](message.replaceAll("{", "{{").replaceAll("}", "}}"), { ...fields });
    },
    close: () => {
      resetSync();
      if (descriptor !== STDERR) closeSync(descriptor);
    },
  };
}

function openForAppend(file: string): number {
  try {
    return openSync(file, "a");
  } catch (cause) {
    throw externalError("log_unavailable", file, `the log file ${file} cannot be opened: ${String(cause)}`, { cause });
  }
}

/** A full pipe takes a part, or none for now; a line is never torn by that. */
function writeAll(descriptor: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.byteLength; ) {
    try {
      at += writeSync(descriptor, bytes, at);
    } catch (error) {
      const code = (error as { code?: unknown }).code;
      if (code === "EAGAIN") continue;
      return; // Nobody reads the log any more, or the disk is full: the work goes on without it.
    }
  }
}

/** Text for the person at the terminal. */
export const terminal = { print: (line: string): void => writeAll(1, `${line}\n`) };

/** Takes every line and keeps none: for programs and tests that show no log. */
export const silentLog: LogSink = { write: () => undefined };
