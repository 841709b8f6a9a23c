// The one error type that crosses module borders: it says what, where, whose fault, and whether to retry.

/** Who has to act: the caller, something outside Millrace (disk, store, network), or Millrace itself. */
export type Fault = "user" | "external" | "internal";

/** `none`: trying again cannot help. `backoff`: the same call may succeed later. */
export type Retry = "none" | "backoff";

export interface ErrorFacts {
  /** Stable, snake_case, for programs: `spec_invalid`, `store_unavailable`. */
  readonly code: string;
  /** One sentence for people: what happened and, where known, what would be right. */
  readonly message: string;
  /** The place: a spec path, a file and offset, an operator uid, a URL. Empty where there is none. */
  readonly where: string;
  readonly fault: Fault;
  readonly retry: Retry;
  readonly cause?: unknown;
}

export class MillraceError extends Error {
  override name = "MillraceError";
  readonly code: string;
  readonly where: string;
  readonly fault: Fault;
  readonly retry: Retry;

  constructor(facts: ErrorFacts) {
    super(facts.message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = facts.code;
    this.where = facts.where;
    this.fault = facts.fault;
    this.retry = facts.retry;
  }

  /** The JSON shape of every error that leaves Millrace (REST, CLI `--json`, job exceptions). */
  toJSON(): { code: string; message: string; where: string; fault: Fault; retry: Retry } {
    return { code: this.code, message: this.message, where: this.where, fault: this.fault, retry: this.retry };
  }
}

type Facts = Omit<ErrorFacts, "fault" | "retry" | "message" | "code" | "where">;

/** The caller asked for something impossible; trying again unchanged cannot help. */
export function userError(code: string, where: string, message: string, more: Facts = {}): MillraceError {
  return new MillraceError({ code, where, message, fault: "user", retry: "none", ...more });
}

/** A disk, store, broker or network failed; the same call may succeed later. */
export function externalError(code: string, where: string, message: string, more: Facts = {}): MillraceError {
  return new MillraceError({ code, where, message, fault: "external", retry: "backoff", ...more });
}

/** Stored or received bytes are not what their own digests and rules demand; retrying reads the same bytes. */
export function corruptionError(code: string, where: string, message: string, more: Facts = {}): MillraceError {
  return new MillraceError({ code, where, message, fault: "external", retry: "none", ...more });
}

/** Any thrown value as a MillraceError; what was not one already is an internal fault. */
export function asMillraceError(thrown: unknown, where: string): MillraceError {
  if (thrown instanceof MillraceError) return thrown;
  const message = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  return new MillraceError({ code: "internal", message, where, fault: "internal", retry: "backoff", cause: thrown });
}
