// NDJSON to columns: the scanner against JSON.parse, in alternated runs.
//   node bench/kernels/ndjson_bench.ts [lines]

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { BATCH_ROWS_MAX, READ_CHUNK_BYTES } from "../../src/base/limits.ts";
import { NdjsonDecoder } from "../../src/formats/ndjson_decoder.ts";
import { BatchRegion } from "../../src/kernel/batch_region.ts";
import { KernelInstance } from "../../src/kernel/instance.ts";
import { parseLines } from "./ndjson_baseline.ts";
import { bidLines, flightLines, type Lines } from "./ndjson_lines.ts";

const MEMORY_BYTES = 24 * 1024 * 1024;

export interface Speeds {
  readonly scannerMBs: number;
  /** JSON.parse into the same columns. */
  readonly parseMBs: number;
  /** JSON.parse with text left as JavaScript strings. */
  readonly parseStringsMBs: number;
}

/** Scans all lines in reads of the usual size; the number of rows. */
export function scanLines(kernel: KernelInstance, { bytes, schema }: Lines): number {
  const region = new BatchRegion(kernel, schema);
  const decoder = new NdjsonDecoder(kernel, region);
  let rows = 0;
  const decode = (): void => {
    for (;;) {
      const outcome = decoder.decode(BATCH_ROWS_MAX);
      rows += outcome.rows;
      if (outcome.rejected.length > 0) throw new Error(`rejected: ${outcome.rejected[0]?.reason}`);
      if (outcome.needsInput || outcome.ended) return;
    }
  };
  for (let at = 0; at < bytes.byteLength; at += READ_CHUNK_BYTES) {
    decoder.feed(bytes.subarray(at, at + READ_CHUNK_BYTES));
    decode();
  }
  decoder.finish();
  decode();
  decoder.free();
  region.free();
  return rows;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] as number;

/** Medians of `rounds` alternated runs, after one run of each to warm up. */
export function measure(kernels: WebAssembly.Module, lines: Lines, rounds: number): Speeds {
  const kernel = new KernelInstance(kernels, MEMORY_BYTES);
  const runs: (() => number)[] = [
    () => scanLines(kernel, lines),
    () => parseLines(lines, "utf8"),
    () => parseLines(lines, "strings"),
  ];
  const seconds: number[][] = runs.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    runs.forEach((run, index) => {
      const startMs = performance.now();
      if (run() !== lines.count) throw new Error("every line is a row");
      if (round > 0) seconds[index]?.push((performance.now() - startMs) / 1000);
    });
  }
  const [scannerMBs, parseMBs, parseStringsMBs] = seconds.map((one) => lines.bytes.byteLength / 1e6 / median(one));
  return { scannerMBs, parseMBs, parseStringsMBs } as Speeds;
}

export function main(count: number): void {
  const kernels = new WebAssembly.Module(readFileSync(new URL("../../build/kernels.wasm", import.meta.url)));
  for (const lines of [bidLines(count), flightLines(2 * count)]) {
    const { scannerMBs, parseMBs, parseStringsMBs } = measure(kernels, lines, 7);
    const bytesPerLine = lines.bytes.byteLength / lines.count;
    console.log(
      `${lines.name}: ${bytesPerLine.toFixed(0)} B a line, scanner ${scannerMBs.toFixed(0)} MB/s ` +
        `(${(scannerMBs / bytesPerLine).toFixed(2)} M lines/s), JSON.parse ${parseMBs.toFixed(0)} MB/s, ` +
        `with JS strings ${parseStringsMBs.toFixed(0)} MB/s: ${(scannerMBs / parseMBs).toFixed(1)}x and ` +
        `${(scannerMBs / parseStringsMBs).toFixed(1)}x`,
    );
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  main(Number(process.argv[2] ?? 100_000));
}
