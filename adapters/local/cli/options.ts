// Options that several commands share, checked where they are parsed.

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import process from "node:process";
import { type Command, InvalidArgumentError } from "commander";
import { BATCH_ROWS_MAX } from "../../../src/base/limits.ts";
import type { ClusterTimes } from "../../../src/cluster/times.ts";
import type { LogLevel } from "../../../src/platform/ports.ts";
import type { BlobsLocation } from "../blobs/open_blobs.ts";
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

/** Who leads jobs keeps their savepoints. */
export interface SavepointOptions {
  readonly archive?: string;
  readonly archiveKey?: string;
  readonly archiveSecret?: string;
  readonly savepointsRetained?: number;
}

export interface ListenOptions extends StoreOptions, SavepointOptions {
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

const withSavepoints = (command: Command): Command =>
  command
    .option("--archive <url>", "where savepoints may be moved to: file:///directory or s3://bucket/prefix?endpoint=…")
    .option("--archive-key <reference>", "where the id of that bucket's key is (default: env:AWS_ACCESS_KEY_ID)")
    .option("--archive-secret <reference>", "where its secret is (default: env:AWS_SECRET_ACCESS_KEY)")
    .option(
      "--savepoints-retained <count>",
      "how many of a job's savepoints stay that have no name (default: all)",
      wholeNumber(1, 999_999),
    );

export const withListen = (command: Command): Command =>
  withSavepoints(withStore(command))
    .option("--host <address>", "the address to listen on", "127.0.0.1")
    .option("--port <number>", "the port to listen on, 0 for any", wholeNumber(0, 65_535), 8081)
    .option(
      "--allow-host <name>",
      "a name that requests may be sent to beside the address, again for another",
      collect,
      [],
    )
    .option("--allow-origin <origin>", "an origin of web pages that may call, again for another", collect, []);

export interface EndOptions {
  readonly graceMs: number;
}
export interface HealthOptions {
  readonly healthHost: string;
  readonly healthPort?: number;
}
/** What the coordinators of a deployment are given alike. */
export interface LeadOptions extends EndOptions {
  readonly leaseMs: number;
  readonly onTerm: "stop" | "savepoint";
  readonly rescale: "none" | "auto";
  readonly rescaleAfterMs: number;
}

/** How long the processes of a deployment wait for one another; absent: the default. */
export interface TimesOptions {
  readonly beatMs?: number;
  readonly silenceMs?: number;
  readonly settleMs?: number;
}

export interface ClusterOptions extends StoreOptions, TimesOptions {
  readonly clusterSecret?: string;
  readonly clusterHost: string;
  readonly clusterPort: number;
  readonly advertise?: string;
}
export interface WorkerOptions extends ClusterOptions, EndOptions, HealthOptions {
  readonly slots: number;
  readonly leader?: string;
}
export interface CoordinatorOptions extends ClusterOptions, ListenOptions, LeadOptions, HealthOptions {}
export interface UpOptions extends ListenOptions, LeadOptions, TimesOptions {
  readonly hangMs: number;
  readonly replaceAfterMs: number;
  readonly tasks: number;
  readonly coordinators: number;
  readonly clusterSecret?: string;
}

const withSecret = (command: Command): Command =>
  command.option(
    "--cluster-secret <reference>",
    "where the secret of the deployment is: env:NAME or file:/path (default: env:MILLRACE_CLUSTER_SECRET)",
  );

const TIME_MS_MAX = 600_000;

const withTimes = (command: Command): Command =>
  command
    .option("--beat-ms <ms>", "how often processes say that they live (default: 250)", wholeNumber(10, TIME_MS_MAX))
    .option(
      "--silence-ms <ms>",
      "after so long a silence one is given up (default: 3000)",
      wholeNumber(30, TIME_MS_MAX),
    )
    .option(
      "--settle-ms <ms>",
      "how long tasks wait for enough free slots (default: 1000)",
      wholeNumber(0, TIME_MS_MAX),
    );

/** The times that were given; whoever opens a coordinator or worker checks them against the others. */
export const timesOf = ({ beatMs, silenceMs, settleMs }: TimesOptions): Partial<ClusterTimes> => ({
  ...(beatMs === undefined ? {} : { beatMs }),
  ...(silenceMs === undefined ? {} : { silenceMs }),
  ...(settleMs === undefined ? {} : { settleMs }),
});

const withLinks = (command: Command): Command =>
  withTimes(withSecret(command))
    .option("--cluster-host <address>", "the address to listen on for other processes", "127.0.0.1")
    .option("--cluster-port <number>", "the port for that, 0 for any", wholeNumber(0, 65_535), 0)
    .option("--advertise <name>", "what other hosts call this one");

const oneOf =
  (names: readonly string[]) =>
  (text: string): string => {
    if (names.includes(text)) return text;
    throw new InvalidArgumentError(`One of ${names.join(", ")} would be right.`);
  };

const withEnd = (command: Command): Command =>
  command.option(
    "--grace-ms <ms>",
    "how long it may take to end at SIGTERM before it ends anyhow",
    wholeNumber(0, 86_400_000),
    30_000,
  );

const withHealth = (command: Command): Command =>
  command
    .option("--health-port <number>", "serves /health/live and /health/ready there, 0 for any", wholeNumber(0, 65_535))
    .option("--health-host <address>", "the address for that", "127.0.0.1");

const withLead = (command: Command): Command =>
  withEnd(command)
    .option("--lease-ms <ms>", "how long a leader leads without renewing", wholeNumber(100, TIME_MS_MAX), 3000)
    .option(
      "--on-term <what>",
      "at SIGTERM: stop, or suspend every job with a savepoint first",
      oneOf(["stop", "savepoint"]),
      "stop",
    )
    .option(
      "--rescale <how>",
      "none, or auto: jobs get as many tasks a chain as there are slots",
      oneOf(["none", "auto"]),
      "none",
    )
    .option("--rescale-after-ms <ms>", "once these have stood for so long", wholeNumber(0, 86_400_000), 5000);

export const withWorker = (command: Command): Command =>
  withHealth(withEnd(withLinks(withStore(command))))
    .option("--slots <count>", "tasks a chain that run here", wholeNumber(1, 1024), 1)
    .option("--leader <url>", "the coordinator's address, where no shared store says it");

export const withCoordinator = (command: Command): Command => withHealth(withLead(withLinks(withListen(command))));

export const withUp = (command: Command): Command =>
  withTimes(withSecret(withLead(withListen(command))))
    .option(
      "--hang-ms <ms>",
      "a process that says nothing for so long is replaced",
      wholeNumber(1500, TIME_MS_MAX),
      3000,
    )
    .option("--replace-after-ms <ms>", "before a process that has ended is replaced", wholeNumber(0, TIME_MS_MAX), 50)
    .option("--tasks <count>", "worker processes", wholeNumber(1, 1024), 2)
    .option("--coordinators <count>", "coordinators; more than one need a shared store", wholeNumber(1, 16), 1);

/** @param more what the command itself decides. */
export const deploymentOptions = (
  options: StoreOptions & SavepointOptions,
  more: Partial<DeploymentOptions> = {},
): DeploymentOptions => ({
  directory: options.directory,
  fileRoots: options.root.length === 0 ? [process.cwd()] : options.root,
  functions: options.functions,
  logLevel: options.logLevel,
  logToTerminal: options.logTerminal === true,
  ...(options.batchRows === undefined ? {} : { task: { batchRows: options.batchRows } }),
  ...storesOf(options),
  ...more,
});

function storesOf(
  options: StoreOptions & SavepointOptions,
): Pick<DeploymentOptions, "store" | "blobs" | "archive" | "savepointsRetained"> {
  const { store, storeToken: token, blobs, blobsKey, blobsSecret, archive, archiveKey, archiveSecret } = options;
  const { savepointsRetained } = options;
  return {
    ...(store === undefined ? {} : { store: { url: store, ...(token === undefined ? {} : { token }) } }),
    ...(blobs === undefined ? {} : { blobs: blobsAt(blobs, blobsKey, blobsSecret) }),
    ...(archive === undefined ? {} : { archive: blobsAt(archive, archiveKey, archiveSecret) }),
    ...(savepointsRetained === undefined ? {} : { savepointsRetained }),
  };
}

const blobsAt = (url: string, accessKeyId: string | undefined, secretAccessKey: string | undefined): BlobsLocation => ({
  url,
  ...(accessKeyId === undefined ? {} : { accessKeyId }),
  ...(secretAccessKey === undefined ? {} : { secretAccessKey }),
});
