// Runs a job over rows in memory to its end, at any parallelism and batch size, undisturbed or killed over and over,
// and gives back what its sinks have committed.

import { seededPrng } from "../../src/base/prng.ts";
import { isTerminal } from "../../src/coordinator/job_state.ts";
import type { ConnectorFactory } from "../../src/engine/connector_factory.ts";
import { type ProcessFunction, ProcessFunctions } from "../../src/job/define_process.ts";
import { Engine } from "../../src/engine/engine.ts";
import { sinkInput } from "../../src/graph/plan.ts";
import type { Platform } from "../../src/platform/platform.ts";
import { ok } from "../expect.ts";
import { type Disturbance, type GoldenSplits, goldenSource, GoldenTarget } from "./connectors.ts";

export interface GoldenJob {
  readonly name: string;
  /** The spec without parallelism and checkpoint settings; sources are of kind `memory`, named as in `inputs`. */
  readonly spec: { readonly operators: readonly Readonly<Record<string, unknown>>[] };
  /** What the spec's processes name. */
  readonly functions?: readonly ProcessFunction[];
  readonly inputs: Readonly<Record<string, GoldenSplits>>;
  /** By sink uid: the rows it must hold at the end, as `textOfRow` writes them, sorted. */
  readonly expected: Readonly<Record<string, readonly string[]>>;
}

export interface GoldenRun {
  readonly parallelism: number;
  readonly batchRows: number;
  /** Kills: reads fail now and then, and the whole engine is thrown away and another one recovers. */
  readonly killed: boolean;
  readonly seed?: number;
}

/** How often a job is disturbed before it is left alone. */
const DISTURBANCES = 4;

export async function runGolden(
  platform: Platform,
  job: GoldenJob,
  run: GoldenRun,
): Promise<Readonly<Record<string, readonly string[]>>> {
  const prng = seededPrng(run.seed ?? 1);
  const target = new GoldenTarget();
  const completed = (): number => {
    const [view] = engine.list();
    return view?.checkpoints?.latest?.checkpoint ?? 0;
  };
  let left = run.killed ? DISTURBANCES : 0;
  let readsUntilNext = 1 + prng.below(5);
  let restoredFrom = 0;
  let waits = 0;
  // A read fails only after a checkpoint that holds what was read before: else every restart would be from the start.
  const disturb: Disturbance = () => {
    if (left === 0 || readsUntilNext-- > 0) return false;
    const latest = completed();
    // After a restart nothing may have changed, and then there is no checkpoint to wait for: a read goes on now and then.
    if (latest <= restoredFrom) return ++waits % 20 === 0 ? false : "wait";
    left--;
    restoredFrom = latest;
    readsUntilNext = 3 + prng.below(40);
    return true;
  };
  const connectors: ConnectorFactory = {
    source: (node) => {
      const { connector } = node;
      ok(connector.kind === "memory", "golden jobs read from memory");
      return goldenSource(node, job.inputs[connector.name] ?? [], disturb);
    },
    sink: (node) => target.sink(node.uid, sinkInput(node).schema),
  };
  const open = (): Engine =>
    new Engine(platform, {
      connectors,
      functions: new ProcessFunctions(job.functions ?? []),
      embedded: true,
      task: { batchRows: run.batchRows, memoryBudgetBytes: 1 << 26 },
    });
  let engine = open();
  const { record } = await engine.submit({
    millrace: 1,
    name: job.name.replaceAll(" ", "-"),
    parallelism: run.parallelism,
    checkpoint: { intervalMs: run.killed ? 10 : 50 },
    restart: { strategy: "fixed_delay", attempts: 100, delayMs: 1 },
    ...job.spec,
  });
  if (run.killed) {
    await platform.timers.sleep(5 + prng.below(30));
    while (restoredFrom === 0 && !isTerminal(engine.job(record.jobId).status)) await platform.timers.sleep(1);
    await engine.close();
    engine = open();
    await engine.recover();
  }
  const view = await engine.ended(record.jobId);
  await engine.close();
  ok(view.status === "FINISHED", `${job.name} ended ${view.status}: ${view.error?.message ?? ""}`);
  return Object.fromEntries(Object.keys(job.expected).map((uid) => [uid, target.rowsOf(uid)]));
}
