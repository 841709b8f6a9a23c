// A job across failures of the store itself: what was answered stays true, and nobody is locked out by himself.

import { sinkInput } from "../../src/graph/plan.ts";
import { externalError } from "../../src/base/errors.ts";
import { generationKey } from "../../src/checkpoint/paths.ts";
import { encodeCbor } from "../../src/base/cbor.ts";
import { FencedMetadata, LEADER_LEASE } from "../../src/cluster/leader_record.ts";
import { leaseEpochKey } from "../../src/platform/lease_table.ts";
import { asJobId } from "../../src/base/ids.ts";
import { encodeJobRecord } from "../../src/coordinator/job_record.ts";
import { engineGateway } from "../../src/api/engine_gateway.ts";
import type { JobFacts } from "../../src/api/gateway.ts";
import { generatorSource } from "../../src/connectors/generator_source.ts";
import type { SplitReader } from "../../src/connectors/source.ts";
import { printSink } from "../../src/connectors/print_sink.ts";
import { Engine } from "../../src/engine/engine.ts";
import type { Platform } from "../../src/platform/platform.ts";
import type { BlobStore, CommitOutcome, MetadataStore, StoreOp } from "../../src/platform/ports.ts";
import { type Case, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";
import { eventually } from "../support/api_fixture.ts";

const endless = {
  millrace: 1,
  name: "endless",
  checkpoint: { intervalMs: 50 },
  restart: { strategy: "fixed_delay", attempts: 5, delayMs: 10 },
  operators: [
    {
      uid: "source",
      kind: "source",
      connector: { kind: "generator", seed: 1, rows: 1_000_000, keys: 2, ratePerSecond: 10 },
      schema: [
        { name: "at", type: "timestamp" },
        { name: "key", type: "utf8" },
        { name: "amount", type: "f64" },
      ],
    },
    { uid: "out", kind: "sink", input: "source", connector: { kind: "print" } },
  ],
};

type Failure = "before" | "after" | undefined;
const statusIn = (ops: readonly StoreOp[], status: string): boolean =>
  ops.some(
    (op) => op.kind === "put" && op.key.startsWith("jobs/") && new TextDecoder().decode(op.value).includes(status),
  );
const claims = (ops: readonly StoreOp[]): boolean => ops.some((op) => op.kind === "put_counter");

/** The platform with a store whose commits fail when the case says so: before they took effect, or after. */
function flaky(
  platform: Platform,
  failing: (ops: readonly StoreOp[]) => Failure,
  get: MetadataStore["get"] = (key) => platform.metadata.get(key),
): Platform {
  const real = platform.metadata;
  const metadata: MetadataStore = {
    commit: async (guards, ops): Promise<CommitOutcome> => {
      const failure = failing(ops);
      if (failure === "before") throw externalError("store_unavailable", "test", "nothing was written");
      const outcome = await real.commit(guards, ops);
      if (failure === "after") throw externalError("store_unavailable", "test", "the answer was lost");
      return outcome;
    },
    get,
    getCounter: (key) => real.getCounter(key),
    list: (prefix, options) => real.list(prefix, options),
  };
  return { ...platform, metadata };
}

/** A job that is canceled while its source is asked for rows, and then told to ask again much later. */
async function cancelInRead(platform: Platform): Promise<void> {
  let entered: () => void = () => undefined;
  const inRead = new Promise<void>((resolve) => {
    entered = resolve;
  });
  let leave: () => void = () => undefined;
  const read = new Promise<void>((resolve) => {
    leave = resolve;
  });
  const engine = engineOn(platform, undefined, async () => {
    entered();
    await read;
    return { kind: "idle", retryAfterMs: 3_600_000 };
  });
  const { record } = await engine.submit(endless);
  await inRead;
  engine.cancel(record.jobId);
  leave();
  await reaches(engine, record.jobId, "CANCELED");
  await engine.close();
}

function engineOn(platform: Platform, failSource = (): boolean => false, read?: SplitReader["read"]): Engine {
  return new Engine(platform, {
    connectors: {
      source: (node) => {
        if (failSource()) throw externalError("source_broken", "test", "the source is away");
        const source = generatorSource(platform.clock, node);
        if (read === undefined) return source;
        const reader = { read, position: () => null, progress: () => undefined, close: async () => undefined };
        return { ...source, open: async () => reader };
      },
      sink: (node) => printSink({ print: () => undefined }, sinkInput(node).schema),
    },
  });
}

const reaches = (engine: Engine, jobId: string, status: string): Promise<true> =>
  eventually(engine.platform, `the status ${status}`, async () => engine.job(jobId).status === status || undefined);

/** What a process that starts now makes of the job. */
async function afterwards(platform: Platform, jobId: string, look: (engine: Engine) => Promise<void>): Promise<void> {
  const engine = engineOn(platform);
  await engine.recover();
  ok(engine.list().length === 1, `job ${jobId} is known`);
  await look(engine);
  await engine.close();
}

const listed = (platform: Platform, look: (jobs: readonly JobFacts[]) => void): Promise<void> => {
  const engine = engineOn(platform);
  return engine
    .recover()
    .then(() => engineGateway(engine).list())
    .then(look)
    .finally(() => engine.close());
};

export const cases: readonly Case[] = [
  test("an engine that is closed while it takes the jobs up starts none of them", async (context) => {
    const platform = await context.freshPlatform();
    const first = engineOn(platform);
    const { record } = await first.submit(endless);
    await reaches(first, record.jobId, "RUNNING");
    await first.close();
    const claimed = await platform.metadata.getCounter(generationKey(asJobId(record.jobId)));
    let answer: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const metadata: MetadataStore = {
      commit: (guards, ops) => platform.metadata.commit(guards, ops),
      get: (key) => platform.metadata.get(key),
      getCounter: (key) => platform.metadata.getCounter(key),
      list: async (prefix, options) => {
        await held;
        return await platform.metadata.list(prefix, options);
      },
    };
    const second = engineOn({ ...platform, metadata });
    const recovering = second.recover();
    await second.close();
    answer();
    await recovering;
    await platform.timers.sleep(50);
    equal(await platform.metadata.getCounter(generationKey(asJobId(record.jobId))), claimed);
  }),
  test("a job whose record is damaged, or of a spec that cannot be planned, keeps no other from being taken up", async (context) => {
    const platform = await context.freshPlatform();
    const engine = engineOn(platform);
    const { record } = await engine.submit(endless);
    await reaches(engine, record.jobId, "RUNNING");
    await engine.close();
    const put = (key: string, value: Uint8Array) => platform.metadata.commit([], [{ kind: "put", key, value }]);
    await put("jobs/aa", new Uint8Array([1, 2, 3]));
    await put("jobs/bb", encodeJobRecord({ ...record, jobId: asJobId("bb"), spec: { millrace: 9 } }));
    await put("jobs/cc", encodeJobRecord(record));
    await put("jobs/dd", encodeCbor({ format: 1, jobId: "dd", status: "RUNNING", branch: "b" }));
    await put("jobs/ee", encodeJobRecord({ ...record, jobId: asJobId("ee"), spec: { ...endless, operators: "none" } }));
    await put("savepoint/ff", new Uint8Array([1, 2, 3]));
    await put("import/gg", new Uint8Array([255]));
    const damaged = ["aa", "bb", "cc", "dd", "ee"];
    await listed(platform, (jobs) => {
      const known = damaged.flatMap((id) => jobs.filter((job) => job.jobId === id));
      equal(
        known.map((job) => [job.jobId, job.status === "FAILED"]),
        damaged.map((id) => [id, true]),
      );
      ok(
        known.every((job) => job.error !== null),
        "each with its reason",
      );
      ok(
        jobs.some((job) => job.jobId === record.jobId && job.status !== "FAILED"),
        "the other one goes on",
      );
    });
  }),
  test("a leader that has lost its lease before it takes up the jobs claims none, refuses nothing and takes no job in", async (context) => {
    const platform = await context.freshPlatform();
    const { metadata } = platform;
    const engine = engineOn(platform);
    const { record } = await engine.submit(endless);
    await reaches(engine, record.jobId, "RUNNING");
    const over = await engine.submit(endless);
    engine.cancel(over.record.jobId);
    equal((await engine.ended(over.record.jobId)).status, "CANCELED");
    await eventually(platform, "its end", async () => {
      return engine.job(over.record.jobId).record.status === "CANCELED" || undefined;
    });
    const of = { jobId: over.record.jobId, jobName: "endless", kind: "savepoint" } as const;
    const { savepoint } = (await engine.savepoints.begin(of)).record;
    await engine.close();
    const epoch = { kind: "put_counter", key: leaseEpochKey(LEADER_LEASE), value: 2 } as const;
    await metadata.commit([], [epoch]);
    const stored = async () => [
      await metadata.list("jobs/"),
      await metadata.list("savepoint/"),
      await metadata.getCounter(generationKey(asJobId(record.jobId))),
    ];
    const before = await stored();
    let refused = 0;
    const late = engineOn({ ...platform, metadata: new FencedMetadata(metadata, 1, () => refused++) });
    await late.recover();
    await eventually(platform, "the refusals", async () => refused >= 2 || undefined);
    await rejects(() => late.submit(endless), "lease_lost");
    await late.close();
    equal(await stored(), before);
    const leader = engineOn({ ...platform, metadata: new FencedMetadata(metadata, 2, () => refused++) });
    await leader.recover();
    await reaches(leader, record.jobId, "RUNNING");
    equal((await leader.savepoints.get(savepoint)).error?.code, "savepoint_interrupted");
    await leader.close();
  }),
  test("a status that its runner's next claim has overtaken keeps no later one from being recorded", async (context) => {
    const platform = await context.freshPlatform();
    const { metadata } = platform;
    let made = 0;
    let canceled: () => void = () => undefined;
    const end = new Promise<void>((resolve) => {
      canceled = resolve;
    });
    let restarts = false;
    const commit: MetadataStore["commit"] = async (guards, ops) => {
      if (statusIn(ops, "RESTARTING")) {
        restarts = true;
        await end;
      }
      return await metadata.commit(guards, ops);
    };
    const slow = { ...flaky(platform, () => undefined).metadata, commit };
    const engine = engineOn({ ...platform, metadata: slow }, () => ++made === 2); // the first is the check at submission
    const { record } = await engine.submit(endless);
    await eventually(platform, "the restart", async () => restarts || undefined);
    await reaches(engine, record.jobId, "RUNNING");
    engine.cancel(record.jobId);
    await reaches(engine, record.jobId, "CANCELED");
    canceled();
    await eventually(platform, "the record", async () => {
      return engine.job(record.jobId).record.status === "CANCELED" || undefined;
    });
    await engine.close();
  }),
  test("counters that cannot be read are not hidden: the job is listed with the reason, and with them once they can be", async (context) => {
    const platform = await context.freshPlatform();
    const engine = engineOn(platform);
    const { record } = await engine.submit(endless);
    await eventually(platform, "a checkpoint", async () => {
      return (engine.job(record.jobId).checkpoints?.completedCount ?? 0) > 0 || undefined;
    });
    engine.cancel(record.jobId);
    await eventually(platform, "its end", async () => {
      return engine.job(record.jobId).record.status === "CANCELED" || undefined;
    });
    await engine.close();
    let isDown = true;
    const warnings: string[] = [];
    const get: MetadataStore["get"] = async (key) => {
      if (isDown && key.endsWith("/latest")) throw externalError("store_unavailable", key, "no read today");
      return await platform.metadata.get(key);
    };
    const next = engineOn({
      ...flaky(platform, () => undefined, get),
      log: { write: (level, message) => warnings.push(`${level}: ${message}`) },
    });
    await next.recover();
    const gateway = engineGateway(next);
    for (let times = 0; times < 2; times++) {
      const { counters, countersError } = await gateway.job(record.jobId);
      equal([counters, countersError?.code], [null, "store_unavailable"]);
    }
    equal(
      warnings.filter((one) => one.startsWith("warning: the counters cannot be read")).length,
      1,
      "it is told once",
    );
    isDown = false;
    const { counters, countersError } = await gateway.job(record.jobId);
    equal([typeof counters?.rowsIn, countersError], ["number", null]);
    await next.close();
  }),
  test("a store that cannot say what lies in it keeps no checkpoint from completing", async (context) => {
    const platform = await context.freshPlatform();
    let asked = 0;
    const blobs: BlobStore = {
      put: (name, bytes) => platform.blobs.put(name, bytes),
      get: (name) => platform.blobs.get(name),
      delete: (names) => platform.blobs.delete(names),
      list: async () => {
        asked++;
        throw externalError("store_unavailable", "test", "no list today");
      },
    };
    const engine = engineOn({ ...platform, blobs });
    const { record } = await engine.submit(endless);
    await eventually(platform, "checkpoints", async () => {
      return (engine.job(record.jobId).checkpoints?.completedCount ?? 0) >= 3 || undefined;
    });
    ok(asked > 0, "garbage was to be collected");
    equal(engine.job(record.jobId).restartsTotal, 0);
    await engine.close();
  }),
  test("a claim whose answer was lost does not lock its own runner out", async (context) => {
    const platform = await context.freshPlatform();
    let claimed = 0;
    let made = 0;
    const store = flaky(platform, (ops) => (claims(ops) && ++claimed === 2 ? "after" : undefined));
    const engine = engineOn(store, () => ++made === 2); // the first is the check at submission
    const { record } = await engine.submit(endless);
    await reaches(engine, record.jobId, "RUNNING");
    equal(claimed, 3);
    equal(await platform.metadata.getCounter(generationKey(asJobId(record.jobId))), 3);
    await engine.close();
  }),
  test("a cancel at any moment of the start is still a cancel after the next start", async (context) => {
    const platform = await context.freshPlatform();
    const engine = engineOn(platform);
    const { record } = await engine.submit(endless);
    engine.cancel(record.jobId);
    equal((await engine.ended(record.jobId)).status, "CANCELED");
    await engine.close();
    await afterwards(platform, record.jobId, async (next) => equal(next.job(record.jobId).status, "CANCELED"));
  }),
  test("a process that ends while it cancels leaves the rest of it to the next", async (context) => {
    const platform = await context.freshPlatform();
    const store = flaky(platform, (ops) => (statusIn(ops, "CANCELED") ? "before" : undefined));
    const engine = engineOn(store);
    const { record } = await engine.submit(endless);
    await eventually(platform, "the record", async () => {
      return engine.job(record.jobId).record.status === "RUNNING" || undefined;
    });
    engine.cancel(record.jobId);
    await reaches(engine, record.jobId, "CANCELED");
    await engine.close();
    await afterwards(platform, record.jobId, (next) => reaches(next, record.jobId, "CANCELED").then(() => undefined));
  }),
  test("a job that is canceled while its source is asked for rows does not wait for the next question", (context) =>
    context.freshPlatform().then(cancelInRead)),
  test("the end of a job is recorded as soon as the store takes it", async (context) => {
    const platform = await context.freshPlatform();
    let failures = 0;
    const store = flaky(platform, (ops) => (statusIn(ops, "CANCEL") && failures++ < 2 ? "before" : undefined));
    const engine = engineOn(store);
    const { record } = await engine.submit(endless);
    await reaches(engine, record.jobId, "RUNNING");
    engine.cancel(record.jobId);
    await eventually(platform, "the record", async () => {
      return engine.job(record.jobId).record.status === "CANCELED" || undefined;
    });
    await engine.close();
    await afterwards(platform, record.jobId, async (next) => equal(next.job(record.jobId).status, "CANCELED"));
  }),
];
