// Sources and channels without rows for as long as the job declares to be idleness: whoever else has rows goes on without
// them, in one task as between tasks.

import { present } from "../../src/base/assert.ts";
import { asCheckpointId } from "../../src/base/ids.ts";
import type { ConnectorFactory } from "../../src/engine/connector_factory.ts";
import { Engine } from "../../src/engine/engine.ts";
import { sinkInput } from "../../src/graph/plan.ts";
import type { Platform } from "../../src/platform/platform.ts";
import type { Frame } from "../../src/protocol/frames.ts";
import { InputGate } from "../../src/task/exchange/input_gate.ts";
import { MinimumWatermark } from "../../src/time/minimum_watermark.ts";
import { WATERMARK_MAX } from "../../src/time/window.ts";
import { type Case, test } from "../case.ts";
import { equal, ok } from "../expect.ts";
import { goldenSource, GoldenTarget } from "../golden/connectors.ts";
import { eventually } from "../support/api_fixture.ts";
import { drawRows, pipeline } from "../support/gated_job.ts";
import { fixture, I64_MAX, interval, job as joinOf, order, payment } from "../twins/join_samples.ts";

const [source, window, sink] = pipeline("lively").map((one) => one as Readonly<Record<string, unknown>>);

/** Windows over the union of a source that has rows and of one that has none for now. */
const unionJob = (parallelism: number, idleTimeoutMs: number | undefined): Readonly<Record<string, unknown>> => {
  const time = { column: "at", boundMs: 300, ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }) };
  const silent = { ...source, uid: "silent", connector: { kind: "memory", name: "silent" }, eventTime: time };
  return {
    millrace: 1,
    name: "idle",
    parallelism,
    maxParallelism: 16,
    checkpoint: { intervalMs: 20 },
    operators: [
      source,
      silent,
      { uid: "both", kind: "union", inputs: ["lively", "silent"] },
      { ...window, input: "both" },
      sink,
    ],
  };
};

interface Idling {
  readonly engine: Engine;
  readonly target: GoldenTarget;
  /** Once set, the silent source has its rows. */
  speaks: boolean;
}

const ROWS = 200;
const lively = drawRows(1, 2, ROWS);
const late = drawRows(2, 2, 10);

function idling(platform: Platform): Idling {
  const target = new GoldenTarget();
  const connectors: ConnectorFactory = {
    source: (node) => {
      const name = node.connector.kind === "memory" ? node.connector.name : "";
      if (name === "silent") return goldenSource(node, late, () => (made.speaks ? false : "wait"));
      const golden = goldenSource(node, lively, () => false);
      return {
        ...golden,
        open: async (...given) => {
          const reader = await golden.open(...given);
          // It never ends while the other is silent: what is emitted is not emitted because input has ended.
          return {
            ...reader,
            read: async (rowsMax) =>
              !made.speaks && reader.position() === ROWS
                ? { kind: "idle", retryAfterMs: 1 }
                : await reader.read(rowsMax),
          };
        },
      };
    },
    sink: (node) => target.sink(node.uid, sinkInput(node).schema),
  };
  const engine = new Engine(platform, { connectors, embedded: true, task: { batchRows: 32 } });
  const made: Idling = { engine, target, speaks: false };
  return made;
}

const emitted = ({ target }: Idling): number => target.rowsOf("lively_out").length;

const jobs: readonly Case[] = [1, 2].map((parallelism) =>
  test(`a source that is idle holds no window of a union back, with ${parallelism} tasks a chain`, async (context) => {
    const platform = await context.freshPlatform();
    const job = idling(platform);
    const { record } = await job.engine.submit(unionJob(parallelism, 20));
    await eventually(platform, "windows", async () => emitted(job) > 10 || undefined);
    await eventually(platform, "time", async () => job.engine.job(record.jobId).progress?.watermarkMs);
    job.speaks = true;
    const view = await job.engine.ended(record.jobId);
    equal([view.status, view.progress?.counters.rowsIn], ["FINISHED", 2 * ROWS + 2 * 10]);
    await job.engine.close();
  }),
);

const strict = test("a source that may not be idle holds a union back for as long as it is silent", async (context) => {
  const platform = await context.freshPlatform();
  const job = idling(platform);
  const { record } = await job.engine.submit(unionJob(1, undefined));
  const rowsIn = (): number => job.engine.job(record.jobId).progress?.counters.rowsIn ?? 0;
  await eventually(platform, "all rows", async () => rowsIn() === 2 * ROWS || undefined);
  const history = () => job.engine.job(record.jobId).checkpoints;
  const before = history()?.unchangedCount ?? 0;
  await eventually(platform, "checkpoints", async () => (history()?.unchangedCount ?? 0) > before + 2 || undefined);
  equal(emitted(job), 0);
  job.speaks = true;
  equal((await job.engine.ended(record.jobId)).status, "FINISHED");
  ok(emitted(job) > 10, "everything is emitted then");
  await job.engine.close();
});

/** A gate with these channels an edge; `send` lets a frame arrive and says what the gate makes of it. */
function gateOf(...channels: readonly number[]) {
  const gate = new InputGate(false, () => 0);
  const listeners: ((frame: Frame) => void)[] = [];
  for (const edge of channels) {
    const onFrame = (listener: (frame: Frame) => void): void => void listeners.push(listener);
    gate.add(edge, { onFrame, credit: () => undefined, close: () => undefined }, () => undefined);
  }
  const send = (channel: number, frame: Frame): unknown => {
    present(listeners[channel], "a channel")(frame);
    const event = gate.next(false);
    if (event?.kind === "watermark") return [event.edge, event.value];
    return event?.kind === "idle" ? [event.edge, "idle"] : event?.kind;
  };
  const watermark = (channel: number, value: bigint): unknown => send(channel, { kind: "watermark", value });
  const idle = (channel: number): unknown => send(channel, { kind: "idle" });
  return { gate, send, watermark, idle };
}

const gates: readonly Case[] = [
  test("an edge is where those of its channels are that are awake, and is idle where all are", () => {
    const { gate, watermark, idle } = gateOf(4, 4, 7);
    equal([watermark(0, 10n), watermark(1, 30n)], [undefined, [4, 10n]]);
    equal(idle(0), [4, 30n]);
    equal(gate.idleEdges, []);
    equal(idle(1), [4, "idle"]);
    equal(gate.idleEdges, [4]);
    equal(watermark(0, 20n), undefined, "it is awake, and no further than the edge has been");
    equal([gate.idleEdges, watermark(0, 40n)], [[], [4, 40n]]);
    equal(watermark(2, 5n), [7, 5n], "another edge has nothing to do with it");
  }),
  test("a channel that has ended does not end time for one that is idle", () => {
    const { gate, send, watermark, idle } = gateOf(1, 1);
    equal([watermark(0, 10n), watermark(1, 20n), idle(0)], [undefined, [1, 10n], [1, 20n]]);
    equal(watermark(1, WATERMARK_MAX), [1, "idle"]);
    equal([send(1, { kind: "end" }), gate.ended], [[1, "idle"], false]);
    equal(watermark(0, 30n), [1, 30n]);
    equal([watermark(0, WATERMARK_MAX), send(0, { kind: "end" }), gate.ended], [[1, WATERMARK_MAX], undefined, true]);
    equal(gate.idleEdges, []);
    equal([send(0, { kind: "barrier", checkpoint: asCheckpointId(1), mode: "checkpoint" })], [undefined]);
  }),
];

const merging: readonly Case[] = [
  test("of several watermarks the least counts of those that are awake, and none falls", () => {
    const time = new MinimumWatermark(3);
    equal([time.advance(0, 5n), time.advance(1, 8n), time.isIdle], [undefined, undefined, false]);
    equal([time.idle(2), time.idle(0), time.idle(0)], [5n, 8n, undefined]);
    equal([time.advance(0, 6n), time.advance(1, 9n)], [undefined, undefined], "the first is awake again, at 6");
    equal([time.advance(0, 9n), time.idle(0), time.idle(1), time.isIdle], [9n, undefined, undefined, true]);
    time.active(2);
    equal([time.isIdle, time.advance(1, 50n)], [false, undefined], "the third has never said how far it is");
    equal([time.advance(2, WATERMARK_MAX), time.isIdle], [50n, false]);
    equal([time.advance(1, WATERMARK_MAX), time.isIdle], [undefined, true], "the first is idle, not over");
    equal([time.advance(0, WATERMARK_MAX), time.isIdle], [WATERMARK_MAX, false]);
  }),
];

const joining: readonly Case[] = [
  test("an idle input of a join holds back neither time nor state; what it brings too late afterwards is late", (context) => {
    const joins = fixture(context.kernels, joinOf(interval(0, 10)));
    joins.push(0, [order(100n, 7n)]);
    joins.watermark(0, 100n);
    joins.watermark(1, 50n);
    equal(joins.passedOn, 40n);
    joins.idle(1);
    equal(joins.passedOn, 90n, "as if both were at 100");
    joins.watermark(0, 300n);
    equal([joins.passedOn, joins.pair.left.cutoff], [290n, 290n]);
    equal(joins.idleSaid, 0);
    equal(joins.push(1, [payment(7n, 105n)]), [], "it has gone");
    equal(joins.lateCount, 1);
    joins.watermark(0, 400n);
    equal(joins.passedOn, 290n, "the right input is awake");
    joins.watermark(1, 350n);
    equal(joins.passedOn, 340n);
  }),
  test("a join of which both inputs are idle says so, and an input that has ended does not speak for one that is idle", (context) => {
    const joins = fixture(context.kernels, joinOf(interval(0, 0)));
    joins.watermark(0, 100n);
    joins.watermark(1, 50n);
    joins.idle(1);
    joins.idle(0);
    equal([joins.passedOn, joins.idleSaid], [100n, 1]);
    const ended = fixture(context.kernels, joinOf(interval(0, 0)));
    ended.watermark(1, 50n);
    ended.idle(1);
    ended.watermark(0, I64_MAX);
    equal([ended.passedOn, ended.idleSaid], [50n, 1]);
    ended.watermark(1, I64_MAX);
    equal([ended.passedOn, ended.idleSaid], [I64_MAX, 1]);
  }),
];

export const cases: readonly Case[] = [...merging, ...gates, ...joining, ...jobs, strict];
