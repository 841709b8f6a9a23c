// How many rows of three columns pass from task to task a second: out of one WASM memory, between threads, into another.
// `node bench/exchange/exchange_bench.ts [rows] [tasks a side]`

import { MessageChannel, Worker } from "node:worker_threads";
import process from "node:process";
import type { ChannelPort } from "../../adapters/local/threads/messages.ts";
import { asGeneration } from "../../src/base/ids.ts";
import type { ExchangeSide } from "./exchange_thread.ts";

export interface ExchangeFigures {
  readonly rows: number;
  readonly tasks: number;
  readonly seconds: number;
  readonly rowsPerSecond: number;
}

/** @param tasks on each side: 1 passes batches on whole, more spread their rows by key. */
export async function measureExchange(rows: number, tasks: number): Promise<ExchangeFigures> {
  const ports = new Map<string, ChannelPort[]>();
  const give = (side: "send" | "take", subtask: number, port: ChannelPort): void => {
    const key = `${side}${subtask}`;
    ports.set(key, [...(ports.get(key) ?? []), port]);
  };
  for (let from = 0; from < tasks; from++) {
    for (let to = 0; to < tasks; to++) {
      const { port1, port2 } = new MessageChannel();
      const address = { generation: asGeneration(1), edge: 0, from, to };
      give("send", from, { side: "out", address, port: port1 });
      give("take", to, { side: "in", address, port: port2 });
    }
  }
  const threads = (["take", "send"] as const).flatMap((side) =>
    Array.from({ length: tasks }, (_none, subtask) => {
      const own = ports.get(`${side}${subtask}`) ?? [];
      const workerData: ExchangeSide = { side, subtask, senders: tasks, takers: tasks, rows: rows / tasks, ports: own };
      const url = new URL("./exchange_thread.ts", import.meta.url);
      return { side, worker: new Worker(url, { workerData, transferList: own.map((one) => one.port) }) };
    }),
  );
  await Promise.all(threads.map(({ worker }) => new Promise((resolve) => worker.once("online", resolve))));
  await new Promise((resolve) => setTimeout(resolve, 300));
  const startedMs = performance.now();
  const takers = threads.filter((one) => one.side === "take");
  const taken = takers.map(({ worker }) => new Promise<{ rows: number }>((resolve) => worker.once("message", resolve)));
  for (const { worker } of threads) worker.postMessage("go");
  const arrived = (await Promise.all(taken)).reduce((sum, one) => sum + one.rows, 0);
  const seconds = (performance.now() - startedMs) / 1000;
  await Promise.all(threads.map(({ worker }) => worker.terminate()));
  return { rows: arrived, tasks, seconds, rowsPerSecond: Math.round(arrived / seconds) };
}

if (import.meta.main) {
  const rows = Number(process.argv[2] ?? 50_000_000);
  const tasks = Number(process.argv[3] ?? 1);
  for (let run = 0; run < 3; run++) console.log(JSON.stringify(await measureExchange(rows, tasks)));
}
