// One of the coordinators of a deployment: it competes for the lease, and while it leads it runs the jobs on workers.
//
// Invariants:
// - Jobs are run only between `lead` and `lose`. Losing stops everything at once and changes nothing that is stored.
// - Whatever a leader changes is guarded by the lease's epoch, or by the job's generation, which the next leader
//   claims: being late in noticing the loss does no harm.

import { asMillraceError, externalError, type MillraceError } from "../base/errors.ts";
import { LeaseKeeper } from "../coordinator/lease_keeper.ts";
import type { LossReason } from "../coordinator/lease.ts";
import type { ConnectorFactory } from "../engine/connector_factory.ts";
import { Engine } from "../engine/engine.ts";
import type { SavepointPolicy } from "../engine/savepoint_upkeep.ts";
import type { ProcessFunctions } from "../job/define_process.ts";
import type { Link, LinkListener, Network } from "../platform/network.ts";
import type { Platform } from "../platform/platform.ts";
import type { LeaseStore } from "../platform/ports.ts";
import type { TaskOptions } from "../task/task.ts";
import { FencedMetadata, LEADER_LEASE, type LeaderRecord, publishLeader, readLeader } from "./leader_record.ts";
import { encodeMessage } from "./messages.ts";
import type { CallTargets } from "./remote_calls.ts";
import { type ConnectedWorker, RemoteTasks } from "./remote_tasks.ts";
import { Rescaler } from "./rescaler.ts";
import { type SuspendedJob, suspendJobs } from "./suspend_jobs.ts";
import type { ClusterTimes } from "./times.ts";

export interface CoordinatorOptions {
  readonly platform: Platform;
  readonly leases: LeaseStore;
  readonly ttlMs: number;
  readonly network: Network;
  readonly times: ClusterTimes;
  /** Called at each lead: what only a leader may hold open, such as the durable logs. */
  readonly openGround: () => LeaderGround;
  readonly task: TaskOptions;
  /** Where this process serves REST; empty where it does not. */
  readonly rest: string;
  readonly functions: ProcessFunctions;
  readonly savepoints?: SavepointPolicy;
  readonly embedded?: boolean;
  /** Jobs follow the slots that there are, once these have stood for so long; undefined: they do not. */
  readonly rescaleAfterMs?: number;
  readonly onLead?: (leading: Leading) => void;
  readonly onLose?: (epoch: number, reason: LossReason) => void;
}

export interface LeaderGround {
  /** For listing what sources read, and for checking specs; tasks have connectors of their own. */
  readonly connectors: ConnectorFactory;
  /** What workers ask of the leader. */
  readonly targets: CallTargets;
}

/** What there is while this coordinator leads. */
export interface Leading {
  readonly epoch: number;
  readonly engine: Engine;
  readonly tasks: RemoteTasks;
  readonly rescaler: Rescaler;
}

export class Coordinator {
  readonly #options: CoordinatorOptions;
  readonly #keeper: LeaseKeeper;
  #listener: LinkListener | undefined;
  #leading: Leading | undefined;
  /** The engine has taken up every job. */
  #recovered = false;
  readonly #closing = new Set<Promise<void>>();

  constructor(options: CoordinatorOptions) {
    this.#options = options;
    const { clock, timers, entropy, log } = options.platform;
    this.#keeper = new LeaseKeeper({
      ...{ leases: options.leases, clock, timers, entropy, log, name: LEADER_LEASE, ttlMs: options.ttlMs },
      onLead: (epoch) => this.#lead(epoch),
      onLose: (epoch, reason) => this.#lose(epoch, reason),
    });
  }

  async start(): Promise<void> {
    this.#listener = await this.#options.network.listen((link) => this.#accept(link));
    this.#keeper.start();
  }

  /** Where it leads: suspends every job with a savepoint, from which whoever leads next goes on. */
  async suspendJobs(graceMs: number): Promise<readonly SuspendedJob[]> {
    if (this.leading === undefined) return [];
    const { rescaler, engine } = this.leading;
    rescaler.close();
    return await suspendJobs(engine, this.#options.platform, graceMs);
  }

  /** Lets another one take over at once; no job ends. */
  async stop(): Promise<void> {
    await this.#keeper.stop();
    await Promise.allSettled([...this.#closing]);
    await this.#listener?.close();
  }

  /** Undefined where it does not lead now, or has not taken up the jobs yet. */
  get leading(): Leading | undefined {
    return this.#recovered && this.#keeper.leading() !== undefined ? this.#leading : undefined;
  }

  /** Whoever leads, as far as is known. */
  leader(): Promise<LeaderRecord | undefined> {
    return readLeader(this.#options.platform.metadata);
  }

  get address(): string {
    return this.#listener?.address ?? "";
  }

  #lead(epoch: number): void {
    const { platform, times, task, functions, embedded, savepoints = {} } = this.#options;
    const { connectors, targets } = this.#options.openGround();
    const { clock, timers, log } = platform;
    const onFenced = (): void => log.write("warning", "a change was refused: the lease is lost", { epoch });
    const metadata = new FencedMetadata(platform.metadata, epoch, onFenced);
    const tasks = new RemoteTasks({ epoch, clock, timers, log, times, task, targets });
    const engine = new Engine(
      { ...platform, metadata },
      {
        connectors,
        functions,
        task,
        tasks,
        savepoints,
        everywhere: true,
        ...(embedded === undefined ? {} : { embedded }),
      },
    );
    const workers = (): readonly ConnectedWorker[] => (this.leading === undefined ? [] : tasks.workers);
    const { beatMs } = times;
    const rescaler = new Rescaler({
      engine,
      workers,
      clock,
      timers,
      log,
      beatMs,
      afterMs: this.#options.rescaleAfterMs,
    });
    const leading: Leading = { epoch, engine, tasks, rescaler };
    this.#leading = leading;
    this.#inBackground(this.#takeUp(leading, metadata));
  }

  /** Until it has succeeded or the lease is lost. */
  async #takeUp(leading: Leading, metadata: FencedMetadata): Promise<void> {
    const { platform, rest, times, onLead } = this.#options;
    const { epoch, engine } = leading;
    while (this.#leading === leading) {
      try {
        await publishLeader(metadata, { epoch, address: this.address, rest });
        await engine.recover();
        break;
      } catch (thrown) {
        const { message, code } = asMillraceError(thrown, "coordinator");
        platform.log.write("error", `taking up the jobs: ${message}`, { code, epoch });
        await platform.timers.sleep(times.retryMs);
      }
    }
    if (this.#leading !== leading) return;
    this.#recovered = true;
    onLead?.(leading);
  }

  #lose(epoch: number, reason: LossReason): void {
    const leading = this.#leading;
    this.#leading = undefined;
    this.#recovered = false;
    if (leading === undefined) return;
    leading.rescaler.close();
    // First the engine, so that it hears nothing of the tasks that end with their workers.
    this.#inBackground(leading.engine.close());
    leading.tasks.close(`the leader of epoch ${epoch} leads no more`);
    this.#options.onLose?.(epoch, reason);
  }

  #accept(link: Link): void {
    if (this.#keeper.leading() !== undefined && this.#leading !== undefined) return this.#leading.tasks.accept(link);
    link.send(encodeMessage({ kind: "refused", error: notLeading().toJSON() }));
  }

  #inBackground(work: Promise<void>): void {
    const watched = work
      .catch((thrown: unknown) => {
        const { message, code } = asMillraceError(thrown, "coordinator");
        this.#options.platform.log.write("error", message, { code });
      })
      .finally(() => this.#closing.delete(watched));
    this.#closing.add(watched);
  }
}

export const notLeading = (): MillraceError =>
  externalError("not_leading", "coordinator", "this coordinator does not lead; another one does, or will in a moment");
