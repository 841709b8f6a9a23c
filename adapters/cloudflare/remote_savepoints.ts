// Savepoints of a deployment on Workers: each is in the cell of its job, or in one of its own where it was uploaded; the
// directory says in which.

import type { JobGateway, SavepointDeletion, SavepointRecord, SavepointRequest } from "../../src/api/gateway.ts";
import type { MillraceError } from "../../src/base/errors.ts";
import { takenSavepoint, unknownSavepoint } from "../../src/engine/savepoint_record.ts";
import type { Directory } from "./directory.ts";
import { CALL_BYTES_MAX, demandAtMost } from "./limits.ts";
import { jobCellName, randomHex } from "./objects.ts";

/** Asks the cell of that name, and that of a job. */
export type Ask = <T>(cell: string, method: keyof JobGateway, ...args: unknown[]) => Promise<T>;
export type AskJob = <T>(jobId: string, method: keyof JobGateway, ...more: unknown[]) => Promise<T>;

/** Room for the rest of a call beside the bytes that it carries. */
const CALL_BYTES_SPARE = 64 * 1024;

type OfSavepoints =
  | "check"
  | "triggerSavepoint"
  | "stop"
  | "savepoints"
  | "savepoint"
  | "savepointContents"
  | "labelSavepoint"
  | "deleteSavepoint"
  | "savepointDeletion"
  | "savepointBytes"
  | "importSavepoint";

export function remoteSavepoints(directory: Directory, ask: Ask, askJob: AskJob): Pick<JobGateway, OfSavepoints> {
  const listed = async (
    jobId: string,
    { id }: SavepointRequest,
    asked: () => Promise<SavepointRecord>,
  ): Promise<SavepointRecord> => {
    const cell = jobCellName(jobId);
    // Where two jobs ask for one id at the same time, one of them is refused after its savepoint was begun.
    const demand = (holder: string | null): void => {
      if (id !== undefined && holder !== null && holder !== cell) throw takenSavepoint(id);
    };
    if (id !== undefined) demand(await directory.cellOfSavepoint(id));
    const record = await asked();
    await directory.addSavepoint(record.savepoint, cell);
    if (id !== undefined) demand(await directory.cellOfSavepoint(id));
    return record;
  };
  const cellWith = async (savepoint: string): Promise<string> => {
    const cell = /^[0-9a-f]{1,64}$/.test(savepoint) ? await directory.cellOfSavepoint(savepoint) : null;
    if (cell === null) throw unknownSavepoint(savepoint.slice(0, 64));
    return cell;
  };
  /** None where the cell has given it up by itself: then it is not listed any more. */
  const recordIn = async (savepoint: string, cell: string): Promise<readonly SavepointRecord[]> => {
    try {
      return [await ask<SavepointRecord>(cell, "savepoint", savepoint)];
    } catch (thrown) {
      if ((thrown as MillraceError).code !== "savepoint_unknown") throw thrown;
      await directory.removeSavepoint(savepoint);
      return [];
    }
  };
  const deletion = async (savepoint: string): Promise<SavepointDeletion> => {
    const cell = await directory.cellOfSavepoint(savepoint);
    if (cell === null) return "GONE";
    const found = await ask<SavepointDeletion>(cell, "savepointDeletion", savepoint);
    if (found === "GONE") await directory.removeSavepoint(savepoint);
    return found;
  };

  return {
    check: async (spec, from) => await ask(await cellWith(from.savepoint), "check", spec, from),
    triggerSavepoint: (jobId, request) => listed(jobId, request, () => askJob(jobId, "triggerSavepoint", request)),
    stop: (jobId, drain, request) => listed(jobId, request, () => askJob(jobId, "stop", drain, request)),
    savepoints: async () => {
      const known = await directory.savepoints();
      return (await Promise.all(known.map(({ savepoint, cell }) => recordIn(savepoint, cell)))).flat();
    },
    savepoint: async (savepoint) => await ask(await cellWith(savepoint), "savepoint", savepoint),
    savepointContents: async (savepoint) => await ask(await cellWith(savepoint), "savepointContents", savepoint),
    labelSavepoint: async (savepoint, change) =>
      await ask(await cellWith(savepoint), "labelSavepoint", savepoint, change),
    deleteSavepoint: async (savepoint) => {
      await ask(await cellWith(savepoint), "deleteSavepoint", savepoint);
      await deletion(savepoint);
    },
    savepointDeletion: deletion,
    savepointBytes: async (savepoint) => await ask(await cellWith(savepoint), "savepointBytes", savepoint),
    importSavepoint: async (bytes) => {
      const most = CALL_BYTES_MAX - CALL_BYTES_SPARE;
      demandAtMost("the savepoint's size in bytes", "savepoint upload", bytes.byteLength, most);
      const cell = `upload/${randomHex(16)}`;
      const record = await ask<SavepointRecord>(cell, "importSavepoint", bytes);
      await directory.addSavepoint(record.savepoint, cell);
      return record;
    },
  };
}
