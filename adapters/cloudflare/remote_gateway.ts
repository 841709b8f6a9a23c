// The gateway of a deployment on Workers: the directory says which objects there are, each job's cell does the rest.

import type { JobFacts, JobGateway, SavepointRecord, TableFacts } from "../../src/api/gateway.ts";
import { unknownTable } from "../../src/api/tables.ts";
import { hexOf } from "../../src/base/bytes.ts";
import { type MillraceError, userError } from "../../src/base/errors.ts";
import { remoteDirectory } from "./directory.ts";
import { unfold } from "./envelope.ts";
import { CALL_BYTES_MAX, demandAtMost } from "./limits.ts";
import { cellOf, type Env, jobCellName } from "./objects.ts";

const randomHex = (byteCount: number): string => hexOf(crypto.getRandomValues(new Uint8Array(byteCount)));
/** Room for the rest of a call beside the bytes that it carries. */
const CALL_BYTES_SPARE = 64 * 1024;

export function remoteGateway(env: Env): JobGateway {
  const directory = remoteDirectory(env);
  const ask = <T>(cell: string, method: keyof JobGateway, ...args: unknown[]): Promise<T> =>
    unfold<T>(cell, () => cellOf(env, cell).jobs(method, args));
  const askJob = async <T>(jobId: string, method: keyof JobGateway, ...more: unknown[]): Promise<T> => {
    // An unknown job is refused before any object is touched: touching one would make it exist.
    if (!/^[0-9a-f]{32}$/.test(jobId) || !(await directory.hasJob(jobId))) throw unknownJob(jobId);
    return await ask<T>(jobCellName(jobId), method, jobId, ...more);
  };
  const listed = async (jobId: string, asked: Promise<SavepointRecord>): Promise<SavepointRecord> => {
    const record = await asked;
    await directory.addSavepoint(record.savepoint, jobCellName(jobId));
    return record;
  };
  const cellWith = async (savepoint: string): Promise<string> => {
    const cell = /^[0-9a-f]{1,64}$/.test(savepoint) ? await directory.cellOfSavepoint(savepoint) : null;
    if (cell === null) throw unknownSavepoint(savepoint);
    return cell;
  };
  const savepointBytes = async (savepoint: string): Promise<Uint8Array> =>
    await ask<Uint8Array>(await cellWith(savepoint), "savepointBytes", savepoint);
  const allTables = async (): Promise<readonly TableFacts[]> => {
    const jobs = await directory.jobs();
    return (await Promise.all(jobs.map((job) => ask<readonly TableFacts[]>(jobCellName(job), "tables")))).flat();
  };

  return {
    submit: async (spec, from) => {
      const bytes = from.savepoint === undefined ? null : await savepointBytes(from.savepoint);
      const jobId = randomHex(16);
      const cell = jobCellName(jobId);
      await directory.addJob(jobId);
      try {
        return await unfold<JobFacts>(cell, () => cellOf(env, cell).submit(jobId, spec, bytes));
      } catch (error) {
        // Only a refusal proves that there is no job; after a call that broke off it may exist, and stays listed.
        if ((error as MillraceError).fault === "user") {
          await unfold(cell, () => cellOf(env, cell).erase());
          await directory.removeJob(jobId);
        }
        throw error;
      }
    },
    list: async () => {
      const jobs = await directory.jobs();
      return (await Promise.all(jobs.map((job) => ask<readonly JobFacts[]>(jobCellName(job), "list")))).flat();
    },
    job: (jobId) => askJob(jobId, "job"),
    cancel: (jobId) => askJob(jobId, "cancel"),
    triggerSavepoint: (jobId) => listed(jobId, askJob(jobId, "triggerSavepoint")),
    stop: (jobId, drain) => listed(jobId, askJob(jobId, "stop", drain)),
    savepoints: async () => {
      const known = await directory.savepoints();
      return await Promise.all(known.map(({ savepoint, cell }) => ask<SavepointRecord>(cell, "savepoint", savepoint)));
    },
    savepoint: async (savepoint) => await ask(await cellWith(savepoint), "savepoint", savepoint),
    savepointBytes,
    importSavepoint: async (bytes) => {
      demandAtMost(
        "the savepoint's size in bytes",
        "savepoint upload",
        bytes.byteLength,
        CALL_BYTES_MAX - CALL_BYTES_SPARE,
      );
      const cell = `upload/${randomHex(16)}`;
      const record = await ask<SavepointRecord>(cell, "importSavepoint", bytes);
      await directory.addSavepoint(record.savepoint, cell);
      return record;
    },
    tables: allTables,
    tableRows: async (query) => {
      const table = (await allTables()).findLast((one) => one.table === query.table);
      if (table === undefined) throw unknownTable(query.table);
      return await ask(jobCellName(table.jobId), "tableRows", query);
    },
  };
}

const unknownJob = (jobId: string): MillraceError =>
  userError("job_unknown", `job ${jobId.slice(0, 64)}`, `there is no job "${jobId.slice(0, 64)}"`);
const unknownSavepoint = (savepoint: string): MillraceError =>
  userError(
    "savepoint_unknown",
    `savepoint ${savepoint.slice(0, 64)}`,
    `there is no savepoint "${savepoint.slice(0, 64)}"`,
  );
