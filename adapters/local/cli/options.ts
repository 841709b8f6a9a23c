// Options that several commands share, checked where they are parsed.

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import process from "node:process";
import { type Command, InvalidArgumentError } from "commander";
import { BATCH_ROWS_MAX } from "../../../src/base/limits.ts";
import type { LogLevel } from "../../../src/platform/ports.ts";
import type { DeploymentOptions } from "../deployment.ts";

export interface StoreOptions {
  readonly directory: string;
  readonly store?: string;
  readonly storeToken?: string;
  readonly blobs?: string;
  readonly blobsKey?: string;
  readonly blobsSecret?: string;
  readonly root: readonly string[];
  readonly functions: readonly string[];
  readonly batchRows?: number;
  readonly logLevel: LogLevel;
  readonly logTerminal?: boolean;
  readonly json?: boolean;
}

export interface ListenOptions extends StoreOptions {
  readonly host: string;
  readonly port: number;
  readonly allowHost: readonly string[];
  readonly allowOrigin: readonly string[];
}

const wholeNumber =
  (least: number, most: number) =>
  (text: string): number => {
    const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`A whole number from ${least} to ${most} would be right.`);
  };

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

const LEVELS: readonly string[] = ["debug", "info", "warning", "error"];
const logLevel = (text: string): string => {
  if (LEVELS.includes(text)) return text;
  throw new InvalidArgumentError(`One of ${LEVELS.join(", ")} would be right.`);
};

const existingDirectory = (text: string, before: readonly string[]): readonly string[] => {
  if (existsSync(text)) return [...before, resolve(text)];
  throw new InvalidArgumentError("It does not exist.");
};

export const withFunctions = (command: Command): Command =>
  command.option("--functions <file>", "a module that exports process functions, again for another", collect, []);

export const withStore = (command: Command): Command =>
  withFunctions(command)
    .option("--directory <path>", "where the store lives", ".millrace")
    .option("--store <url>", "a libSQL server that has the store and shares it with other processes")
    .option(
      "--store-token <reference>",
      "where its token is: env:NAME or file:/path (default: env:MILLRACE_STORE_TOKEN)",
    )
    .option("--blobs <url>", "where large things are: file:///directory or s3://bucket/prefix?endpoint=https://host")
    .option("--blobs-key <reference>", "where the id of the bucket's key is (default: env:AWS_ACCESS_KEY_ID)")
    .option("--blobs-secret <reference>", "where its secret is (default: env:AWS_SECRET_ACCESS_KEY)")
    .option(
      "--root <path>",
      "a directory that jobs may read and write below, again for another (default: this one)",
      existingDirectory,
      [],
    )
    .option("--batch-rows <count>", "rows in a batch", wholeNumber(1, BATCH_ROWS_MAX))
    .option("--log-level <level>", `${LEVELS.join(", ")}`, logLevel, "info")
    .option("--log-terminal", "write the log to the error stream instead of <directory>/millrace.log")
    .option("--json", "write events as lines of JSON");

export const withListen = (command: Command): Command =>
  withStore(command)
    .option("--host <address>", "the address to listen on", "127.0.0.1")
    .option("--port <number>", "the port to listen on, 0 for any", wholeNumber(0, 65_535), 8081)
    .option(
      "--allow-host <name>",
      "a name that requests may be sent to beside the address, again for another",
      collect,
      [],
    )
    .option("--allow-origin <origin>", "an origin of web pages that may call, again for another", collect, []);

/** @param more what the command itself decides. */
export const deploymentOptions = (options: StoreOptions, more: Partial<DeploymentOptions> = {}): DeploymentOptions => ({
  directory: options.directory,
  fileRoots: options.root.length === 0 ? [process.cwd()] : options.root,
  functions: options.functions,
  logLevel: options.logLevel,
  logToTerminal: options.logTerminal === true,
  ...(options.batchRows === undefined ? {} : { task: { batchRows: options.batchRows } }),
  ...storesOf(options),
  ...more,
});

function storesOf(options: StoreOptions): Pick<DeploymentOptions, "store" | "blobs"> {
  const { store, storeToken: token, blobs, blobsKey: accessKeyId, blobsSecret: secretAccessKey } = options;
  return {
    ...(store === undefined ? {} : { store: { url: store, ...(token === undefined ? {} : { token }) } }),
    ...(blobs === undefined
      ? {}
      : {
          blobs: {
            url: blobs,
            ...(accessKeyId === undefined ? {} : { accessKeyId }),
            ...(secretAccessKey === undefined ? {} : { secretAccessKey }),
          },
        }),
  };
}
