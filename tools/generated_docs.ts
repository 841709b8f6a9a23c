// The parts of the documents that are written from data: docs/PROMISES.md, and the layers in docs/ARCHITECTURE.md.
// A test compares them with what stands in the tree; `npm run docs` writes them.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { layers } from "../tests/tidy/layers.ts";
import { rootPath } from "./process.ts";
import { promises } from "./promises.ts";
import type { Figure, ProofRecord } from "./proof.ts";

const LAYERS_BEGIN = "<!-- layers: written by `npm run docs` -->";
const LAYERS_END = "<!-- end of layers -->";

/** Path and content of each generated document. */
export function generatedDocs(): readonly { readonly path: string; readonly text: string }[] {
  return [
    { path: "docs/PROMISES.md", text: promisesPage(loadRecords()) },
    { path: "docs/ARCHITECTURE.md", text: withLayers(readFileSync(join(rootPath, "docs/ARCHITECTURE.md"), "utf8")) },
  ];
}

export function writeGenerated(): void {
  for (const { path, text } of generatedDocs()) writeFileSync(join(rootPath, path), text);
}

function loadRecords(): readonly ProofRecord[] {
  const path = join(rootPath, "bench/results/proofs.ndjson");
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as ProofRecord);
}

export function promisesPage(records: readonly ProofRecord[]): string {
  const parts = promises.map(({ id, promise, bar, onlyProduction }) => {
    const full = records.findLast((one) => one.id === id && !one.slice);
    const lines = [`## ${id} ${promise}`, "", `- **Bar:** ${bar}.`, `- **Figure:** ${figureText(full)}`];
    lines.push(`- **Command:** \`npm run prove -- ${id}\` (its part in CI: \`--slice\`)`);
    lines.push(`- **Only production can show:** ${onlyProduction === "" ? "nothing more" : onlyProduction}.`);
    return lines.join("\n");
  });
  const intro =
    "Every promise is a command. This page is written from `tools/promises.ts` and from the recorded runs in\n" +
    "`bench/results/proofs.ndjson`; the figures are those of the last full run, on the machine that is named.";
  return `# Promises\n\n${intro}\n\n${parts.join("\n\n")}\n`;
}

function figureText(record: ProofRecord | undefined): string {
  if (record === undefined) return "no full run has been recorded yet.";
  const figures = Object.entries(record.figures).map(([name, value]) => `${name} ${plain(value)}`);
  const run = `${record.machine}; ${record.seconds} s; commit ${record.commit}; ${record.at.slice(0, 10)}`;
  return `${record.pass ? "reached" : "**not reached**"}: ${figures.join(", ")} (${run}).`;
}

const plain = (value: Figure): string => (typeof value === "object" ? JSON.stringify(value) : String(value));

export function withLayers(page: string): string {
  const begin = page.indexOf(LAYERS_BEGIN);
  const end = page.indexOf(LAYERS_END);
  if (begin < 0 || end < begin)
    throw new Error(`docs/ARCHITECTURE.md lacks the lines ${LAYERS_BEGIN} and ${LAYERS_END}`);
  const rows = layers.map(({ folder, holds }, index) => `| ${index + 1} | \`src/${folder}\` | ${holds} |`);
  const table = ["|  | folder | holds |", "| --- | --- | --- |", ...rows].join("\n");
  return `${page.slice(0, begin)}${LAYERS_BEGIN}\n\n${table}\n\n${page.slice(end)}`;
}
