// Savepoints of a server: take, stop with one, list, look into, name, delete, download, upload.

import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { externalError, userError } from "../../../../src/base/errors.ts";
import type { ContentsAnswer, MillraceClient, SavepointAnswer } from "../../../../src/client/client.ts";
import { EXIT } from "../exit.ts";
import { grouped, minuteOf, table } from "../format.ts";
import { type ConnectOptions, connect, jobCalled, print } from "./connect.ts";

const POLL_MS = 100;

export interface TakeOptions extends ConnectOptions {
  readonly name?: string;
  readonly notes?: string;
  readonly archive?: boolean;
}

export async function take(job: string, options: TakeOptions): Promise<number> {
  const client = connect(options);
  const request = { ...said(options), triggerId: newId() };
  const savepoint = await client.triggerSavepoint(await jobCalled(client, job), request);
  return await completed(client, savepoint, options, "taken");
}

export async function stop(job: string, options: TakeOptions & { readonly drain?: boolean }): Promise<number> {
  const client = connect(options);
  const request = { ...said(options), triggerId: newId(), drain: options.drain === true };
  const savepoint = await client.stop(await jobCalled(client, job), request);
  return await completed(client, savepoint, options, "the job is stopped with it");
}

const said = ({ name, notes, archive }: TakeOptions) => ({
  ...(name === undefined ? {} : { name }),
  ...(notes === undefined ? {} : { notes }),
  ...(archive === true ? { archive } : {}),
});

const newId = (): string => crypto.randomUUID().replaceAll("-", "");

async function completed(
  client: MillraceClient,
  savepoint: string,
  options: ConnectOptions,
  what: string,
): Promise<number> {
  let record = await client.savepoint(savepoint);
  while (record.status === "IN_PROGRESS") {
    await sleep(POLL_MS);
    record = await client.savepoint(savepoint);
  }
  const { error } = record;
  if (error !== null) throw externalError(error.code, error.where, error.message);
  print(options, record, () => [`savepoint ${savepoint}: ${what} (${grouped(record.bytes)} bytes)`]);
  return EXIT.done;
}

export async function list(job: string | undefined, options: ConnectOptions): Promise<number> {
  const client = connect(options);
  const savepoints = await client.savepoints(job === undefined ? undefined : await jobCalled(client, job));
  const titles = ["savepoint", "job", "taken", "status", "name", "in"].map((title) => ({ title }));
  const line = (one: SavepointAnswer): string[] => [
    one.savepoint,
    one["job-name"],
    minuteOf(one["created-at"]),
    one.status,
    one.name ?? "",
    one["kept-in"],
    grouped(one.bytes),
  ];
  print(options, { savepoints }, () =>
    savepoints.length === 0
      ? ["no savepoints"]
      : table([...titles, { title: "bytes", right: true }], savepoints.map(line)),
  );
  return EXIT.done;
}

export async function inspect(savepoint: string, options: ConnectOptions): Promise<number> {
  const contents = await connect(options).savepointContents(savepoint);
  print(options, contents, () => contentLines(contents));
  return EXIT.done;
}

function contentLines(contents: ContentsAnswer): readonly string[] {
  const right = (title: string) => ({ title, right: true });
  return [
    `job         ${contents["job-name"]} (${contents.jobid})`,
    `checkpoint  ${contents.checkpoint}, ${minuteOf(contents["created-at"])}`,
    `rows        ${grouped(contents.counters.rowsIn)} read, ${grouped(contents.counters.rowsOut)} written`,
    `key groups  ${contents["max-parallelism"]}`,
    "",
    ...table(
      [{ title: "source" }, { title: "split" }, { title: "position" }, { title: "finished" }],
      contents.sources.flatMap(({ uid, splits }) =>
        splits.map((one) => [uid, one.id, JSON.stringify(one.position), one.finished ? "yes" : "no"]),
      ),
    ),
    "",
    ...table(
      [{ title: "operator" }, { title: "state" }, right("rows"), right("bytes"), { title: "columns" }],
      contents.states.map(({ uid, state, rows, bytes, columns }) => [
        uid,
        state,
        grouped(rows),
        grouped(bytes),
        columns.map((one) => `${one.name} ${one.type}${one.nullable ? "?" : ""}`).join(", "),
      ]),
    ),
  ];
}

export interface LabelOptions extends ConnectOptions {
  readonly name?: string;
  readonly notes?: string;
  readonly archive?: boolean;
}

/** An empty name or note takes it away. */
export async function label(savepoint: string, options: LabelOptions): Promise<number> {
  const { name, notes, archive } = options;
  if (name === undefined && notes === undefined && archive !== true) {
    throw userError("usage", "savepoint label", "nothing is said; --name, --notes or --archive would be right");
  }
  const record = await connect(options).labelSavepoint(savepoint, {
    ...(name === undefined ? {} : { name: name === "" ? null : name }),
    ...(notes === undefined ? {} : { notes: notes === "" ? null : notes }),
    ...(archive === true ? { archive } : {}),
  });
  print(options, record, () => [`savepoint ${savepoint}: ${record.name ?? "without a name"}`]);
  return EXIT.done;
}

export async function remove(savepoint: string, options: ConnectOptions): Promise<number> {
  await connect(options).deleteSavepoint(savepoint);
  print(options, { savepoint, deleted: true }, () => [`savepoint ${savepoint} is deleted`]);
  return EXIT.done;
}

export async function download(savepoint: string, file: string | undefined, options: ConnectOptions): Promise<number> {
  const bytes = await connect(options).savepointFile(savepoint);
  const path = file ?? `${savepoint}.millrace-savepoint`;
  try {
    writeFileSync(path, bytes, { flag: "wx" });
  } catch (cause) {
    throw userError("file_not_written", path, `${path} cannot be written: ${(cause as Error).message}`, { cause });
  }
  print(options, { savepoint, file: path, bytes: bytes.byteLength }, () => [
    `${path}: ${grouped(bytes.byteLength)} bytes`,
  ]);
  return EXIT.done;
}

export async function upload(file: string, options: ConnectOptions): Promise<number> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = new Uint8Array(readFileSync(file));
  } catch (cause) {
    throw userError("file_not_found", file, `${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
  const record = await connect(options).uploadSavepoint(bytes);
  print(options, record, () => [
    `savepoint ${record.savepoint}: of job ${record["job-name"]}, ${grouped(record.bytes)} bytes`,
  ]);
  return EXIT.done;
}
