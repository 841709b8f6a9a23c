// One side of the exchange bench: sends batches of three columns over an edge, or takes them in.

import { parentPort, workerData } from "node:worker_threads";
import { kernelModules } from "../../adapters/local/machine.ts";
import type { ChannelPort } from "../../adapters/local/threads/messages.ts";
import { PortChannels } from "../../adapters/local/threads/port_channels.ts";
import { present } from "../../src/base/assert.ts";
import { asGeneration, asOperatorUid } from "../../src/base/ids.ts";
import { BATCH_ROWS_MAX } from "../../src/base/limits.ts";
import { batchOfRows } from "../../src/batch/record_batch.ts";
import { field, type Schema } from "../../src/batch/schema.ts";
import type { EdgePlan } from "../../src/graph/plan.ts";
import { BatchRegion } from "../../src/kernel/batch_region.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import { CreditedSender } from "../../src/task/exchange/credited_sender.ts";
import { EdgeOutput } from "../../src/task/exchange/edge_output.ts";
import { InputGate } from "../../src/task/exchange/input_gate.ts";

export interface ExchangeSide {
  readonly side: "send" | "take";
  readonly subtask: number;
  readonly senders: number;
  readonly takers: number;
  readonly rows: number;
  readonly ports: readonly ChannelPort[];
}

const schema: Schema = [field("key", "i64"), field("at", "timestamp"), field("amount", "f64")];
const edge: EdgePlan = {
  id: 0,
  from: { chain: 0, uid: asOperatorUid("from"), output: "main" },
  to: { chain: 1 },
  partition: { kind: "hash", columns: [0] },
  schema,
  updating: false,
  watermarks: false,
};
const options = workerData as ExchangeSide;
const port = present(parentPort ?? undefined, "the parent's port");
const hub = new PortChannels(options.ports);
const kernel = new KernelInstance(kernelModules().kernels, 64 * 1024 * 1024);
const region = new BatchRegion(kernel, schema);
const generation = asGeneration(1);
const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function send(): Promise<void> {
  const { subtask, takers, rows } = options;
  let wake: () => void = () => undefined;
  const senders = Array.from(
    { length: takers },
    (_none, to) => new CreditedSender(hub.out({ generation, edge: 0, from: subtask, to }), () => wake()),
  );
  const output = new EdgeOutput({ edge, region, senders, maxParallelism: 128 });
  const values = Array.from({ length: BATCH_ROWS_MAX }, (_none, row) => [BigInt(row * 7919), BigInt(row), row / 2]);
  region.load(batchOfRows(schema, values));
  for (let sent = 0; sent < rows; sent += BATCH_ROWS_MAX) {
    output.process();
    while (output.blocked) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
  output.end();
}

async function take(): Promise<void> {
  const { subtask, senders } = options;
  let wake: () => void = () => undefined;
  const gate = new InputGate(false, () => performance.now());
  for (let from = 0; from < senders; from++) {
    gate.add(0, hub.in({ generation, edge: 0, from, to: subtask }), () => wake());
  }
  let rows = 0;
  let sum = 0;
  while (!gate.ended) {
    const event = gate.next(false);
    if (event === undefined) {
      if (gate.ready(false)) continue;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      continue;
    }
    if (event.kind !== "rows") continue;
    region.load({ ...event.frame, schema });
    rows += region.rowCount;
    sum += region.float64(2)[0] ?? 0;
    event.done();
  }
  port.postMessage({ rows, sum });
}

port.on("message", () => {
  void (options.side === "send" ? send() : take()).then(pause);
});
