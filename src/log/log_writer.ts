// Group commit: the one writer of a log in this process.
//
// Appends queue up while a transaction runs; the next transaction takes what has gathered, decides each append against
// a Draft, stores all accepted records in as few rows as hold them, and only then is anyone answered.
//
// Invariants:
// - Nobody is told "accepted" or "duplicate" before the transaction that makes it true is durable.
// - A failed transaction may have happened all the same. Its rows carry a token of this attempt, so the log is read
//   again and says which; where even that fails, the next append begins by reading.
// - Another writer at the same store (a second process) makes the row's key collide: the state is read again and the
//   group decided anew. So no two records ever share a sequence, whoever writes.

import { hexOf } from "../base/bytes.ts";
import { externalError, userError } from "../base/errors.ts";
import { commitFailed, enterLedger, raiseFence, refuseFenced, uncommitted } from "../connectors/commit_ledger.ts";
import type { LogCommittable } from "../connectors/log_store.ts";
import type { CommitScope } from "../connectors/sink.ts";
import type { Clock, Entropy, SqlDatabase, SqlStatement, Timers, Yield } from "../platform/ports.ts";
import type { LoadedLog } from "./loaded_log.ts";
import { CONFLICTS_MAX, GROUP_APPENDS_MAX, GROUP_BYTES_MAX, QUEUE_BYTES_MAX, SNAPSHOT_COMMITS } from "./log_limits.ts";
import { packRows } from "./log_row.ts";
import { type AppendOutcome, type AppendRequest, Draft, writerOf } from "./log_state.ts";
import { insertRow, queryHead, queryMetas, updateSnapshot } from "./log_tables.ts";

export interface LogPorts {
  readonly database: SqlDatabase;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly yield: Yield;
  readonly entropy: Entropy;
}

interface AppendJob {
  readonly kind: "append";
  readonly request: AppendRequest;
  readonly byteCount: number;
  readonly resolve: (outcome: AppendOutcome) => void;
  readonly reject: (error: unknown) => void;
}

interface StagedJob {
  readonly kind: "staged";
  readonly scope: CommitScope;
  readonly committables: readonly LogCommittable[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** What became of a transaction whose call failed. */
type Fate = "stored" | "overtaken" | "failed";

export const targetOf = (name: string): string => `log ${name}`;

const bytesOf = (records: readonly Uint8Array[]): number => records.reduce((sum, one) => sum + one.byteLength + 5, 0);

export class LogWriter {
  readonly #ports: LogPorts;
  readonly #loaded: LoadedLog;
  readonly #lingerMs: number;
  readonly #changed: () => void;
  readonly #incarnation: string;
  readonly #queue: (AppendJob | StagedJob)[] = [];
  #queuedBytes = 0;
  #attempts = 0;
  #running = false;
  /** The last transaction's fate is unknown: read before the next one. */
  #inDoubt = false;
  /** The log was deleted; it never comes back under this object. */
  gone = false;

  /** `changed` is called when the end, the closure or the existence of the log has changed. */
  constructor(ports: LogPorts, loaded: LoadedLog, lingerMs: number, changed: () => void) {
    this.#ports = ports;
    this.#loaded = loaded;
    this.#lingerMs = lingerMs;
    this.#changed = changed;
    this.#incarnation = hexOf(ports.entropy.bytes(8));
  }

  append(request: AppendRequest): Promise<AppendOutcome> {
    const byteCount = bytesOf(request.records);
    if (this.#queuedBytes > 0 && this.#queuedBytes + byteCount > QUEUE_BYTES_MAX) {
      throw externalError(
        "log_busy",
        this.#where,
        `${this.#queuedBytes} bytes wait to be written, at most ${QUEUE_BYTES_MAX} may; try again`,
      );
    }
    this.#queuedBytes += byteCount;
    return new Promise((resolve, reject) => {
      this.#queue.push({ kind: "append", request, byteCount, resolve, reject });
      this.#start();
    });
  }

  /** Exactly-once commit of a sink: fence, ledger and records in one transaction. */
  commitStaged(scope: CommitScope, committables: readonly LogCommittable[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ kind: "staged", scope, committables, resolve, reject });
      this.#start();
    });
  }

  /** Reads what another writer may have stored, or finds the log gone. */
  async refresh(): Promise<void> {
    const { database } = this.#ports;
    const { head, state } = this.#loaded;
    const before = state.next;
    try {
      await this.#loaded.refresh(database);
    } catch (error) {
      const now = await queryHead(database, head.name);
      if (now?.id === head.id) throw error;
      this.dismiss();
    }
    if (state.next !== before || state.closed) this.#changed();
  }

  /** The log was deleted: refuses whatever waits. */
  dismiss(): void {
    if (this.gone) return;
    this.gone = true;
    this.#changed();
  }

  get #where(): string {
    return `log ${this.#loaded.head.name}`;
  }

  #notFound(): Error {
    return userError("log_not_found", this.#where, "the log was deleted");
  }

  #start(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#run();
  }

  /** Never rejects: whatever fails is reported to those who asked for it. */
  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      if (this.#lingerMs > 0) await this.#ports.timers.sleep(this.#lingerMs);
      else await this.#ports.yield.yield();
      const staged = this.#queue[0]?.kind === "staged" ? (this.#queue.shift() as StagedJob) : undefined;
      const group = staged === undefined ? this.#takeGroup() : [];
      try {
        if (staged !== undefined) {
          await this.#commitStaged(staged);
          staged.resolve();
        } else {
          const outcomes = await this.#commitGroup(group);
          group.forEach((job, index) => {
            job.resolve(outcomes[index] as AppendOutcome);
          });
        }
      } catch (error) {
        staged?.reject(error);
        for (const job of group) job.reject(error);
      }
    }
    this.#running = false;
  }

  #takeGroup(): AppendJob[] {
    const group: AppendJob[] = [];
    let bytes = 0;
    while (group.length < GROUP_APPENDS_MAX) {
      const job = this.#queue[0];
      if (job === undefined || job.kind !== "append") break;
      if (group.length > 0 && bytes + job.byteCount > GROUP_BYTES_MAX) break;
      bytes += job.byteCount;
      this.#queuedBytes -= job.byteCount;
      group.push(job);
      this.#queue.shift();
    }
    return group;
  }

  async #commitGroup(group: readonly AppendJob[]): Promise<AppendOutcome[]> {
    let fresh = false;
    for (let conflicts = 0; conflicts <= CONFLICTS_MAX; ) {
      await this.#settle();
      const draft = new Draft(this.#loaded.state);
      const nowMs = this.#ports.clock.nowMs();
      const outcomes = group.map((job) => draft.decide(job.request, nowMs));
      const accepted = group.filter((_job, index) => outcomes[index]?.kind === "accepted");
      // What another process stored may be what a refused append builds on: nothing is refused from hearsay.
      if (!fresh && outcomes.some((one) => one.kind !== "accepted" && one.kind !== "duplicate")) {
        fresh = true;
        this.#inDoubt = true;
        continue;
      }
      if (accepted.length === 0) return outcomes;
      const records = accepted.flatMap((job) => job.request.records);
      const failure = await this.#store(draft, records, []);
      if (failure === undefined) return outcomes;
      if (failure.fate === "failed") throw this.#storeFailed(failure.error);
      conflicts++;
    }
    throw this.#storeFailed(new Error("another process writes to this log without a pause"));
  }

  async #commitStaged(job: StagedJob): Promise<void> {
    const { database } = this.#ports;
    const { scope } = job;
    const target = targetOf(this.#loaded.head.name);
    let missing = await uncommitted(database, scope, job.committables);
    for (let conflicts = 0; missing.length > 0; ) {
      await this.#settle();
      const part = missing.slice(0, 1);
      let bytes = bytesOf(part[0]?.records ?? []);
      for (const one of missing.slice(1)) {
        bytes += bytesOf(one.records);
        if (bytes > GROUP_BYTES_MAX || part.length === GROUP_APPENDS_MAX) break;
        part.push(one);
      }
      const draft = new Draft(this.#loaded.state);
      const records = part.flatMap((one) => one.records);
      const outcome = draft.decide({ records }, this.#ports.clock.nowMs());
      if (outcome.kind !== "accepted") {
        throw userError("log_closed", this.#where, `sink ${scope.sink} cannot commit: the log is closed`);
      }
      const ledger = [raiseFence(target, scope), ...part.map((one) => enterLedger(scope, one))];
      const failure = await this.#store(draft, records, ledger);
      const left = await uncommitted(database, scope, missing);
      if (failure !== undefined && left.length === missing.length) {
        await refuseFenced(database, target, scope);
        conflicts++;
        if (failure.fate === "failed" || conflicts > CONFLICTS_MAX) throw commitFailed(target, scope, failure.error);
      }
      missing = left;
    }
  }

  /** Brings the state up to date where the last transaction left it in doubt. */
  async #settle(): Promise<void> {
    if (this.gone) throw this.#notFound();
    if (!this.#inDoubt) return;
    try {
      await this.refresh();
    } catch (error) {
      throw this.#storeFailed(error);
    }
    if (this.gone) throw this.#notFound();
    this.#inDoubt = false;
  }

  /** One transaction. Undefined means that it is durable and merged into the state. */
  async #store(
    draft: Draft,
    records: readonly Uint8Array[],
    before: readonly SqlStatement[],
  ): Promise<{ fate: Fate; error: unknown } | undefined> {
    const { head, state } = this.#loaded;
    const first = state.next;
    const token = `${this.#incarnation}:${this.#attempts++}`;
    const changes = draft.changes(token);
    const writesRow = records.length > 0 || draft.closes;
    const rows = writesRow ? packRows(first, records) : [];
    const statements = [...before];
    rows.forEach((row, index) => {
      statements.push(insertRow(head.id, row, index === rows.length - 1 ? changes : JSON.stringify({ writer: token })));
    });
    const snapshotDue = this.#loaded.rowsSinceSnapshot + rows.length > SNAPSHOT_COMMITS;
    if (snapshotDue) statements.push(updateSnapshot(head.id, head.name, first, state.snapshot()));
    try {
      await this.#ports.database.batch(statements);
    } catch (error) {
      this.#inDoubt = true;
      const fate = await this.#fateOf(first, token, writesRow);
      return fate === "stored" ? undefined : { fate, error };
    }
    // A reader's refresh may have taken these rows in already, and rows of others behind them: never apply twice.
    if (state.next === first) {
      state.apply(changes, this.#where);
      state.next = draft.next;
    } else if (state.next < draft.next) this.#inDoubt = true;
    this.#loaded.rowsSinceSnapshot = (snapshotDue ? 0 : this.#loaded.rowsSinceSnapshot) + rows.length;
    this.#changed();
    return undefined;
  }

  /** Reads the log after a failed transaction. Where reading fails too, the doubt stays for the next attempt. */
  async #fateOf(first: number, token: string, wroteRow: boolean): Promise<Fate> {
    await this.#settle();
    if (!wroteRow) return "failed";
    const rows = await queryMetas(this.#ports.database, this.#loaded.head.id, first, 1);
    const row = rows[0];
    if (row === undefined) return "failed";
    return row.first === first && writerOf(row.meta) === token ? "stored" : "overtaken";
  }

  #storeFailed(error: unknown): Error {
    return externalError(
      "log_store_failed",
      this.#where,
      `the store of the log failed, nothing was acknowledged: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}
