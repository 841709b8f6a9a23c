// Messages of tasks on their way out of their thread or process: errors travel as plain facts, since a class does not
// survive it.

import { type ErrorFacts, MillraceError } from "../base/errors.ts";
import type { FromTask } from "../protocol/messages.ts";

export type PlainError = Omit<ErrorFacts, "cause">;

/** A message of a task whose error, if it has one, is plain. */
export type PlainMessage = FromTask extends infer One
  ? One extends { readonly error: MillraceError }
    ? Omit<One, "error"> & { readonly error: PlainError }
    : One
  : never;

export const plainMessage = (message: FromTask): PlainMessage =>
  ("error" in message ? { ...message, error: message.error.toJSON() } : message) as PlainMessage;

export const messageOf = (plain: PlainMessage): FromTask =>
  ("error" in plain ? { ...plain, error: new MillraceError(plain.error) } : plain) as FromTask;
