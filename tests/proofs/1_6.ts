// Promise 1.6: NDJSON becomes columns at least four times as fast as by JSON.parse, with everything validated, and
// never differently: a million generated, broken and random lines against JSON.parse.

import { readFileSync } from "node:fs";
import { measure } from "../../bench/kernels/ndjson_bench.ts";
import { bidLines, flightLines } from "../../bench/kernels/ndjson_lines.ts";
import { fuzz } from "../twins/ndjson_fuzz.ts";

const WANTED_RATIO = 4;
const SEED = 16_000_000;

export interface Proof {
  readonly pass: boolean;
  readonly figures: Record<string, number | string>;
}

export async function prove(options: { readonly slice: boolean }): Promise<Proof> {
  const kernels = new WebAssembly.Module(readFileSync(new URL("../../build/kernels.wasm", import.meta.url)));
  const lines = options.slice ? 8_000 : 100_000;
  const figures: Record<string, number | string> = {};
  let bidRatio = 0;
  for (const made of [bidLines(lines), flightLines(lines)]) {
    const { scannerMBs, parseMBs, parseStringsMBs } = measure(kernels, made, options.slice ? 5 : 9);
    const ratio = scannerMBs / parseMBs;
    if (made.name === "bids") bidRatio = ratio;
    figures[`${made.name}: bytes a line`] = Math.round(made.bytes.byteLength / made.count);
    figures[`${made.name}: scanner MB/s`] = Math.round(scannerMBs);
    figures[`${made.name}: JSON.parse to the same columns MB/s`] = Math.round(parseMBs);
    figures[`${made.name}: ratio`] = Number(ratio.toFixed(2));
    figures[`${made.name}: ratio where JSON.parse may leave text as strings`] = Number(
      (scannerMBs / parseStringsMBs).toFixed(2),
    );
  }
  const outcome = fuzz(kernels, SEED, options.slice ? 20_000 : 1_000_000);
  figures["differential cases"] = outcome.cases;
  figures["differences"] = outcome.differences.length;
  figures["bar"] = `bids: at least ${WANTED_RATIO}x, 0 differences; flights are shown for comparison`;
  outcome.differences.forEach((one, index) => {
    figures[`difference ${index + 1}`] = one;
  });
  return { pass: bidRatio >= WANTED_RATIO && outcome.differences.length === 0, figures };
}
