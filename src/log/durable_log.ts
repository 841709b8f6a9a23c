// One durable, append-only log of records over a SQL database.
//
// What it promises: an append that was answered is durable, has its own dense range of sequences, and is read back
// byte for byte, for ever, in the same place; a producer's retry has the effect of once, across restarts too.

import { externalError, userError } from "../base/errors.ts";
import { prepareLedger } from "../connectors/commit_ledger.ts";
import type { LogCommittable, LogFacts, LogPage } from "../connectors/log_store.ts";
import type { CommitScope } from "../connectors/sink.ts";
import { Abort } from "../platform/abort.ts";
import type { AbortSignalLike } from "../platform/ports.ts";
import type { LoadedLog } from "./loaded_log.ts";
import { APPEND_TOTAL_BYTES_MAX, RECORD_BYTES_MAX, WAITERS_MAX } from "./log_limits.ts";
import { readPage } from "./log_reader.ts";
import type { AppendOutcome, AppendRequest, ProducerTag } from "./log_state.ts";
import { type LogConfig, updateTouched } from "./log_tables.ts";
import { type LogPorts, LogWriter, targetOf } from "./log_writer.ts";

export interface LogOptions {
  /** How long an append waits for others to share its transaction; 0 waits for one turn of the event loop. */
  readonly lingerMs?: number;
  /** How often a waiting reader looks for what other processes stored; by default only this process writes. */
  readonly pollMs?: number;
}

/** What the HTTP routes need of a log; plain data throughout, so that the log may live behind an RPC. */
export interface LogHandle {
  /** Never used again, not even for a log of the same name. */
  readonly id: string;
  readonly config: LogConfig;
  facts(): Promise<LogFacts>;
  submit(request: AppendRequest): Promise<AppendOutcome>;
  read(from: number, bytesMax: number): Promise<LogPage>;
  /** Resolves when there is a record at `from`, when the log is closed or deleted, or after `timeoutMs`. */
  waitForMore(from: number, timeoutMs: number, signal?: AbortSignalLike): Promise<void>;
}

export class DurableLog implements LogHandle {
  readonly #ports: LogPorts;
  readonly #loaded: LoadedLog;
  readonly #writer: LogWriter;
  readonly #pollMs: number | undefined;
  readonly #waiting: Set<Abort> = new Set();
  #touchedMs: number;
  #touchStoredMs: number;

  constructor(ports: LogPorts, loaded: LoadedLog, options: LogOptions) {
    this.#ports = ports;
    this.#loaded = loaded;
    this.#pollMs = options.pollMs;
    this.#writer = new LogWriter(ports, loaded, options.lingerMs ?? 0, () => this.#wake());
    this.#touchStoredMs = loaded.head.touchedMs;
    this.#touchedMs = loaded.head.touchedMs;
  }

  get id(): string {
    return this.#loaded.head.id;
  }

  get config(): LogConfig {
    return this.#loaded.head;
  }

  /** The sequence that the next record will get. */
  get nextSequence(): number {
    return this.#loaded.state.next;
  }

  get gone(): boolean {
    return this.#writer.gone;
  }

  facts(): Promise<LogFacts> {
    const { head, state } = this.#loaded;
    return Promise.resolve({
      id: head.id,
      name: head.name,
      contentType: head.contentType,
      next: state.next,
      closed: state.closed,
    });
  }

  /** Every refusal that is part of the producer protocol is an outcome; impossible requests are errors. */
  async submit(request: AppendRequest): Promise<AppendOutcome> {
    const where = this.#where;
    if (request.records.length === 0 && request.close !== true) {
      throw userError("append_empty", where, "an append needs at least one record, or has to close the log");
    }
    this.#checkSizes(request.records);
    return await this.#writer.append(request);
  }

  /** As `submit`, for callers that take any refusal for a failure. */
  async append(
    records: readonly Uint8Array[],
    producer?: ProducerTag,
  ): Promise<{ readonly firstSequence: number; readonly nextSequence: number; readonly duplicate: boolean }> {
    const outcome = await this.submit({ records, producer });
    if (outcome.kind === "accepted") {
      return { firstSequence: outcome.first, nextSequence: outcome.next, duplicate: false };
    }
    if (outcome.kind === "duplicate") {
      return { firstSequence: outcome.next, nextSequence: outcome.next, duplicate: true };
    }
    throw userError(outcome.kind, this.#where, `the append was refused: ${JSON.stringify(outcome)}`);
  }

  async read(from: number, bytesMax: number): Promise<LogPage> {
    if (from >= this.nextSequence && !this.#loaded.state.closed) await this.#writer.refresh();
    this.#refuseGone();
    try {
      return await readPage(this.#ports.database, this.#loaded, from, bytesMax);
    } catch (error) {
      // A log deleted by another process while it was read is "not found", not a failing store.
      await this.#writer.refresh();
      this.#refuseGone();
      throw error;
    }
  }

  async waitForMore(from: number, timeoutMs: number, signal?: AbortSignalLike): Promise<void> {
    const { clock, timers } = this.#ports;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    if (this.#waiting.size >= WAITERS_MAX) {
      throw externalError("log_busy", this.#where, `${WAITERS_MAX} readers wait on this log already; try again`);
    }
    while (this.nextSequence <= from && !this.#loaded.state.closed && !this.gone && signal?.aborted !== true) {
      const leftMs = deadlineMs - clock.monotonicMs();
      if (leftMs <= 0) return;
      const wake = new Abort();
      const cancel = (): void => wake.abort("cancelled");
      this.#waiting.add(wake);
      signal?.addEventListener("abort", cancel);
      try {
        await timers.sleep(Math.min(leftMs, this.#pollMs ?? leftMs), wake);
        if (this.#pollMs !== undefined) await this.#writer.refresh();
      } catch (error) {
        if (!wake.aborted) throw error;
      } finally {
        this.#waiting.delete(wake);
        signal?.removeEventListener("abort", cancel);
      }
    }
  }

  /** Raises the fence of a sink; an older generation is refused with `fenced`. */
  async prepareCommits(scope: CommitScope): Promise<void> {
    await prepareLedger(this.#ports.database, targetOf(this.#loaded.head.name), scope);
  }

  /** Fence, ledger and records in one transaction; what the ledger has is skipped, so a replay is harmless. */
  async commitStaged(scope: CommitScope, committables: readonly LogCommittable[]): Promise<void> {
    for (const one of committables) this.#checkSizes(one.records);
    await this.#writer.commitStaged(scope, committables);
  }

  /** Past its lifetime: to be deleted, and not found meanwhile. */
  expired(): boolean {
    const { ttlSeconds, expiresAt } = this.config;
    const nowMs = this.#ports.clock.nowMs();
    if (expiresAt !== undefined && nowMs >= Date.parse(expiresAt)) return true;
    if (ttlSeconds === undefined) return false;
    // What is stored is up to an eighth older than the last use.
    const graceMs = this.#touchedMs === this.#touchStoredMs ? (ttlSeconds * 1000) / 8 : 0;
    return nowMs >= this.#touchedMs + ttlSeconds * 1000 + graceMs;
  }

  /** A use that prolongs the lifetime; stored at most eight times per lifetime. */
  async touch(): Promise<void> {
    const { ttlSeconds } = this.config;
    if (ttlSeconds === undefined) return;
    this.#touchedMs = this.#ports.clock.nowMs();
    if (this.#touchedMs - this.#touchStoredMs < (ttlSeconds * 1000) / 8) return;
    const { id, name } = this.#loaded.head;
    const touchedMs = this.#touchedMs;
    await this.#ports.database.batch([updateTouched(id, name, touchedMs)]);
    this.#touchStoredMs = touchedMs;
  }

  /** The log was deleted: waiting readers and writers learn it at once. */
  dismiss(): void {
    this.#writer.dismiss();
  }

  get #where(): string {
    return `log ${this.#loaded.head.name}`;
  }

  #refuseGone(): void {
    if (this.gone) throw userError("log_not_found", this.#where, "the log was deleted");
  }

  #checkSizes(records: readonly Uint8Array[]): void {
    let total = 0;
    for (const [index, record] of records.entries()) {
      total += record.byteLength;
      if (record.byteLength > RECORD_BYTES_MAX) {
        const found = `record ${index} has ${record.byteLength} bytes`;
        throw userError("record_too_large", this.#where, `${found}, at most ${RECORD_BYTES_MAX} fit a stored row`);
      }
    }
    if (total > APPEND_TOTAL_BYTES_MAX) {
      const found = `one append has ${total} bytes`;
      throw userError("append_too_large", this.#where, `${found}, at most ${APPEND_TOTAL_BYTES_MAX} are taken`);
    }
  }

  #wake(): void {
    for (const one of [...this.#waiting]) one.abort("log changed");
  }
}
