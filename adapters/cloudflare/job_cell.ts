// One job in one Durable Object: coordinator and task side by side, checkpoints and tables in the object's own storage.
//
// An object may vanish at any instant, without a word. What brings it back:
// - every call boots the engine, which picks the job up from its last checkpoint;
// - an alarm is set for as long as the job has not ended: before the job exists, again by each run of itself, and by
//   each boot that finds a job without one.

import { DurableObject } from "cloudflare:workers";
import kernels from "../../build/kernels.wasm";
import { engineGateway } from "../../src/api/engine_gateway.ts";
import type { JobGateway, StartFrom } from "../../src/api/gateway.ts";
import { isTerminal } from "../../src/coordinator/job_state.ts";
import { Engine, type SubmitFrom } from "../../src/engine/engine.ts";
import { workerConnectors } from "./connectors.ts";
import { enclose, type Envelope } from "./envelope.ts";
import { registeredFunctions } from "./functions.ts";
import { remoteLogStore } from "./log_object.ts";
import type { CellCalls, Env } from "./objects.ts";
import { openWorkerPlatform } from "./platform.ts";
import { savepointPolicy } from "./savepoint_policy.ts";

/** A task's share of the 128 MB that all objects of an isolate live in. */
const TASK_BYTES_MAX = 24 * 1024 * 1024;
/** How long a job may lie dead before its alarm finds it. */
const WATCH_MS = 10_000;

interface Cell {
  readonly engine: Engine;
  readonly gateway: JobGateway;
}

const methods: readonly (keyof JobGateway)[] = [
  "check",
  "list",
  "job",
  "cancel",
  "triggerSavepoint",
  "stop",
  "savepoints",
  "savepoint",
  "savepointContents",
  "labelSavepoint",
  "deleteSavepoint",
  "savepointDeletion",
  "savepointBytes",
  "importSavepoint",
  "tables",
  "tableRows",
];

export class JobCell extends DurableObject<Env> implements CellCalls {
  #cell: Promise<Cell> | undefined;

  jobs(method: string, args: readonly unknown[]): Promise<Envelope> {
    return enclose("job cell", async () => {
      const { gateway } = await this.#boot();
      const known = methods.find((one) => one === method);
      if (known === undefined) throw new Error(`a job cell knows no ${method}`);
      return await (gateway[known] as (...given: unknown[]) => Promise<unknown>)(...args);
    });
  }

  /** Makes the job of this cell; the same call again finds it made. */
  submit(jobId: string, spec: unknown, savepoint: Uint8Array | null, from: StartFrom): Promise<Envelope> {
    return enclose(`job ${jobId}`, async () => {
      const { engine, gateway } = await this.#boot();
      if (engine.list().length === 0) {
        await this.#setAlarm();
        await engine.submit(spec, { jobId, ...(savepoint === null ? {} : await claimed(engine, savepoint, from)) });
      }
      return await gateway.job(jobId);
    });
  }

  /** Gives back everything stored; only for a cell whose job never came to be. */
  erase(): Promise<Envelope> {
    return enclose("job cell", async () => {
      await (await this.#boot()).engine.close();
      this.#cell = undefined;
      await this.ctx.storage.deleteAlarm();
      await this.ctx.storage.deleteAll();
    });
  }

  override async alarm(): Promise<void> {
    try {
      await this.#boot();
    } finally {
      const cell = await this.#cell?.catch(() => undefined);
      if (cell === undefined || isAtWork(cell.engine)) await this.#setAlarm();
    }
  }

  #setAlarm(): Promise<void> {
    return this.ctx.storage.setAlarm(Date.now() + WATCH_MS);
  }

  #boot(): Promise<Cell> {
    this.#cell ??= this.#open().catch((error: unknown) => {
      this.#cell = undefined;
      throw error;
    });
    return this.#cell;
  }

  async #open(): Promise<Cell> {
    const platform = await openWorkerPlatform({ storage: this.ctx.storage, kernels });
    const connectors = workerConnectors(platform, remoteLogStore(this.env));
    const engine = new Engine(platform, {
      connectors,
      functions: registeredFunctions(),
      task: { memoryBudgetBytes: TASK_BYTES_MAX },
      savepoints: savepointPolicy(this.env),
    });
    await engine.recover();
    if (isAtWork(engine) && (await this.ctx.storage.getAlarm()) === null) await this.#setAlarm();
    return { engine, gateway: engineGateway(engine) };
  }
}

const isAtWork = (engine: Engine): boolean => engine.list().some((job) => !isTerminal(job.status));

/** The copy in this cell is for the job alone. */
async function claimed(
  engine: Engine,
  bytes: Uint8Array,
  { savepoint: name, ...from }: StartFrom,
): Promise<SubmitFrom> {
  const { savepoint } = await engine.savepoints.import(bytes);
  return { ...from, savepoint, claimMode: "CLAIM", ...(name === undefined ? {} : { savepointName: name }) };
}
