// A coordinator in a process of its own, as far as leading goes: it keeps the lease and, while it leads, changes the
// store again and again, with a pause between the look at the lease and the change.
//   node tests/support/lease_child.ts URL TTL_MS
// It prints `lead EPOCH`, `lose EPOCH REASON`, `done EPOCH`, `refused EPOCH` and `failed EPOCH CODE`.

import process from "node:process";
import { silentLog } from "../../adapters/local/log_sink.ts";
import { systemClock, systemEntropy, systemTimers } from "../../adapters/local/machine.ts";
import { openStore } from "../../adapters/local/open_store.ts";
import { leaseFence, LeaseKeeper } from "../../src/coordinator/lease_keeper.ts";

const [url = "", ttl = "1000"] = process.argv.slice(2);
const store = await openStore("/nowhere", { store: { url, retryForMs: 0 }, log: silentLog });
const say = (line: string): boolean => process.stdout.write(`${line}\n`);

const keeper = new LeaseKeeper({
  ...{ leases: store.leases(Number(ttl)), clock: systemClock, timers: systemTimers, entropy: systemEntropy },
  ...{ log: silentLog, name: "coordinator", ttlMs: Number(ttl) },
  onLead: (epoch) => say(`lead ${epoch}`),
  onLose: (epoch, reason) => say(`lose ${epoch} ${reason}`),
});
keeper.start();

let ending = false;
process.on("SIGTERM", () => {
  ending = true;
});
while (!ending) {
  const epoch = keeper.leading();
  await systemTimers.sleep(20);
  if (epoch === undefined) continue;
  try {
    const last = { kind: "put_counter", key: "last act", value: epoch } as const;
    const outcome = await store.metadata.commit([leaseFence("coordinator", epoch)], [last]);
    say(`${outcome.kind === "committed" ? "done" : "refused"} ${epoch}`);
  } catch (error) {
    say(`failed ${epoch} ${String((error as { code?: unknown }).code)}`);
  }
}
await keeper.stop();
await store.close();
process.exit(0);
