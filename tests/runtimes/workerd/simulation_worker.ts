// The simulation as a Worker: `/?seed=N&count=M` answers the trace hashes of those seeds.

import kernels from "../../../build/kernels.wasm";
import { workerPorts } from "../../../adapters/cloudflare/platform.ts";
import { KernelPool } from "../../simulation/kernel_pool.ts";
import { runSeed } from "../../simulation/run_seed.ts";
import { macrotaskTurns } from "../../simulation/turns.ts";

const pool = new KernelPool();

export default {
  async fetch(request: Request): Promise<Response> {
    const { searchParams } = new URL(request.url);
    const first = Number(searchParams.get("seed"));
    const count = Number(searchParams.get("count"));
    pool.install();
    const hashes: string[] = [];
    for (let seed = first; seed < first + count; seed++) {
      const result = await runSeed(seed, { kernels, digest: workerPorts.digest, turns: macrotaskTurns });
      pool.reclaim();
      hashes.push(result.traceHash);
    }
    return Response.json(hashes);
  },
};
