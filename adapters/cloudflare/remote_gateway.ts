// The gateway of a deployment on Workers: the directory says which objects there are, each job's cell does the rest.

import type { JobFacts, JobGateway, TableFacts } from "../../src/api/gateway.ts";
import { unknownTable } from "../../src/api/tables.ts";
import { type MillraceError, userError } from "../../src/base/errors.ts";
import { remoteDirectory } from "./directory.ts";
import { unfold } from "./envelope.ts";
import { cellOf, type Env, jobCellName, randomHex } from "./objects.ts";
import { type Ask, type AskJob, remoteSavepoints } from "./remote_savepoints.ts";

export function remoteGateway(env: Env): JobGateway {
  const directory = remoteDirectory(env);
  const ask: Ask = <T>(cell: string, method: keyof JobGateway, ...args: unknown[]): Promise<T> =>
    unfold<T>(cell, () => cellOf(env, cell).jobs(method, args));
  const askJob: AskJob = async <T>(jobId: string, method: keyof JobGateway, ...more: unknown[]): Promise<T> => {
    // An unknown job is refused before any object is touched: touching one would make it exist.
    if (!/^[0-9a-f]{32}$/.test(jobId) || !(await directory.hasJob(jobId))) throw unknownJob(jobId);
    return await ask<T>(jobCellName(jobId), method, jobId, ...more);
  };
  const savepoints = remoteSavepoints(directory, ask, askJob);
  const allTables = async (): Promise<readonly TableFacts[]> => {
    const jobs = await directory.jobs();
    return (await Promise.all(jobs.map((job) => ask<readonly TableFacts[]>(jobCellName(job), "tables")))).flat();
  };

  return {
    submit: async (spec, from) => {
      const { savepoint, claimMode } = from;
      const bytes = savepoint === undefined ? null : await savepoints.savepointBytes(savepoint);
      const jobId = randomHex(16);
      const cell = jobCellName(jobId);
      await directory.addJob(jobId);
      try {
        const job = await unfold<JobFacts>(cell, () => cellOf(env, cell).submit(jobId, spec, bytes, from));
        // Whoever comes second to a claim is refused here, and its job is erased below.
        if (savepoint !== undefined && claimMode === "CLAIM") await savepoints.deleteSavepoint(savepoint);
        return job;
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
    ...savepoints,
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
