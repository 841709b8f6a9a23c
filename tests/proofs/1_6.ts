// Promise 1.6: NDJSON becomes columns at least four times as fast as by JSON.parse, with everything validated, and
// never differently: a million generated, broken and random lines against JSON.parse.

import { readFileSync } from "node:fs";
import { measure } from "../../bench/kernels/ndjson_bench.ts";
import { bidLines, flightLines } from "../../bench/kernels/ndjson_lines.ts";
import type { Figure, Proof, ProofOptions } from "../../tools/proof.ts";
import { fuzz } from "../twins/ndjson_fuzz.ts";

const WANTED_RATIO = 4;
const FIRST_SEED = 16_000_000;
const CASES_PER_STEP = 20_000;

interface Speed {
  readonly bidRatio: number;
  readonly figures: Record<string, Figure>;
}

function speed(kernels: WebAssembly.Module, slice: boolean): Speed {
  const figures: Record<string, Figure> = {};
  let bidRatio = 0;
  for (const lines of slice ? [bidLines(5_000), flightLines(5_000)] : [bidLines(100_000), flightLines(200_000)]) {
    const { scannerMBs, parseMBs, parseStringsMBs } = measure(kernels, lines, slice ? 5 : 9);
    if (lines.name === "bids") bidRatio = scannerMBs / parseMBs;
    figures[lines.name] = {
      bytesPerLine: Math.round(lines.bytes.byteLength / lines.count),
      scannerMBs: Math.round(scannerMBs),
      jsonParseMBs: Math.round(parseMBs),
      ratio: Number((scannerMBs / parseMBs).toFixed(2)),
      ratioIfJsonParseLeavesTextAsStrings: Number((scannerMBs / parseStringsMBs).toFixed(2)),
    };
  }
  return { bidRatio, figures };
}

interface Compared {
  readonly cases: number;
  readonly streams: number;
  readonly differences: readonly string[];
}

function compareCases(kernels: WebAssembly.Module, wanted: number, { progress, log }: ProofOptions): Compared {
  let cases = progress.get<number>("cases") ?? 0;
  let streams = progress.get<number>("streams") ?? 0;
  while (cases < wanted) {
    const step = fuzz(kernels, FIRST_SEED + streams, Math.min(CASES_PER_STEP, wanted - cases));
    cases += step.cases;
    streams += step.streams;
    if (step.differences.length > 0) return { cases, streams, differences: step.differences };
    progress.set("streams", streams);
    progress.set("cases", cases);
    log(`${cases} of ${wanted} lines decoded as by JSON.parse`);
  }
  return { cases, streams, differences: [] };
}

export const prove: Proof = async (options) => {
  const kernels = new WebAssembly.Module(readFileSync(new URL("../../build/kernels.wasm", import.meta.url)));
  const { bidRatio, figures } = speed(kernels, options.slice);
  const compared = compareCases(kernels, options.slice ? 20_000 : 1_000_000, options);
  return {
    pass: bidRatio >= WANTED_RATIO && compared.differences.length === 0,
    figures: {
      ...figures,
      bar: `bids: ratio of at least ${WANTED_RATIO}; flights for comparison`,
      compared: { ...compared },
    },
  };
};
