// The stored records of a savepoint: what the protocol of savepoints knows of it, and what people and the upkeep say.
//
//   savepoint/<savepoint>         StoredSavepoint: decided once, compared as a whole by whoever decides; then it stays
//   savepoint_label/<savepoint>   SavepointLabel: changes at any time; absent: nothing was said

import { decodeCbor, encodeCbor } from "../base/cbor.ts";
import type { Bytes } from "../base/bytes.ts";
import { corruptionError, type MillraceError, userError } from "../base/errors.ts";
import { savepointLabelKey } from "../checkpoint/paths.ts";
import type { StoreOp } from "../platform/ports.ts";

/** What it was asked for: `suspend` is a stop that the deployment asked for itself, to go on from. */
export type SavepointKind = "savepoint" | "stop" | "suspend" | "upload";

export interface StoredSavepoint {
  readonly format: 1;
  readonly savepoint: string;
  readonly kind: SavepointKind;
  readonly jobId: string;
  readonly jobName: string;
  readonly status: "IN_PROGRESS" | "COMPLETED" | "FAILED";
  readonly checkpoint: number;
  readonly byteLength: number;
  readonly createdAtMs: number;
  readonly error: { readonly code: string; readonly message: string; readonly where: string } | null;
}

export interface SavepointLabel {
  /** For people; what has a name is never deleted by retention. */
  readonly name: string | null;
  readonly notes: string | null;
  /** It is to be moved to the archive. */
  readonly archive: boolean;
  /** Where its file is. */
  readonly keptIn: "store" | "archive";
}

export type SavepointRecord = StoredSavepoint & SavepointLabel;

/** What whoever asks for a savepoint may say. */
export interface SavepointRequest extends SavepointChange {
  /** Its id, 32 hexadecimal digits: asked for again with the same one, it is the same savepoint. */
  readonly id?: string;
}

/** What may be said of it at any time; what is left out stays. */
export type SavepointChange = Partial<Pick<SavepointLabel, "name" | "notes" | "archive">>;

export const noLabel: SavepointLabel = { name: null, notes: null, archive: false, keptIn: "store" };

export function encodeSavepoint(record: StoredSavepoint): Bytes {
  const { format, savepoint, kind, jobId, jobName, status, checkpoint, byteLength, createdAtMs, error } = record;
  return encodeCbor({ format, savepoint, kind, jobId, jobName, status, checkpoint, byteLength, createdAtMs, error });
}

export function decodeSavepoint(bytes: Uint8Array, where: string): StoredSavepoint {
  const found = decodeCbor(bytes, where) as Partial<StoredSavepoint> | null;
  const { format, savepoint, status } = found ?? {};
  if (format !== 1 || typeof savepoint !== "string" || typeof status !== "string") {
    const message = "the stored savepoint record is not readable by this version of Millrace";
    throw corruptionError("savepoint_record_corrupt", where, message);
  }
  // The first records did not say what they were asked for.
  return { ...(found as StoredSavepoint), kind: found?.kind ?? "savepoint" };
}

export const labelled = (savepoint: string, { name, notes, archive, keptIn }: SavepointLabel): StoreOp => ({
  kind: "put",
  key: savepointLabelKey(savepoint),
  value: encodeCbor({ format: 1, name, notes, archive, keptIn }),
});

export function decodeLabel(bytes: Uint8Array | undefined, where: string): SavepointLabel {
  if (bytes === undefined) return noLabel;
  const { format, ...label } = (decodeCbor(bytes, where) ?? {}) as Partial<SavepointLabel & { format: number }>;
  if (format === 1) return { ...noLabel, ...label };
  throw corruptionError(
    "savepoint_record_corrupt",
    where,
    "what is said of the savepoint is not readable by this version",
  );
}

/** How one is listed whose record cannot be read. */
export const brokenSavepoint = (savepoint: string, { code, message, where }: MillraceError): SavepointRecord => ({
  ...noLabel,
  format: 1,
  savepoint,
  kind: "savepoint",
  jobId: "",
  jobName: "",
  status: "FAILED",
  checkpoint: 0,
  byteLength: 0,
  createdAtMs: 0,
  error: { code, message, where },
});

export const unknownSavepoint = (savepoint: string): MillraceError =>
  userError("savepoint_unknown", `savepoint ${savepoint}`, `there is no savepoint "${savepoint}"`);

/** The id of a request belongs to something else already. */
export const takenSavepoint = (savepoint: string): MillraceError => {
  const message = "this id is that of another savepoint; a request of its own needs an id of its own";
  return userError("savepoint_taken", `savepoint ${savepoint}`, message);
};

export const beingWritten = (savepoint: string): MillraceError =>
  userError("savepoint_in_progress", `savepoint ${savepoint}`, "the savepoint is being written; ask again once it is");

export const noArchive = (where: string): MillraceError =>
  userError("archive_unavailable", where, "this deployment has no archive; one is given to it at its start");
