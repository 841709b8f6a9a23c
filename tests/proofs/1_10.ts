// Promise 1.10: what goes wrong outside is named clearly, and nothing is lost by it. Each misfortune of
// tests/support/error_matrix.ts is brought about; its words are compared with tests/proofs/snapshots/errors.json.
//   UPDATE_SNAPSHOTS=1 npm run prove -- 1.10      writes the words down instead, to be read before they are committed

import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import type { Figure, Proof } from "../../tools/proof.ts";
import { Workplace } from "../support/cli.ts";
import { type Misfortune, misfortunes, normalized } from "../support/error_matrix.ts";

const snapshotPath = new URL("./snapshots/errors.json", import.meta.url);
type Snapshots = Record<string, readonly string[]>;

/** Words that no user should have to read. */
const STACK = /\n\s+at .*:\d+|undefined|\[object /;

async function textsOf(one: Misfortune): Promise<readonly string[]> {
  const place = new Workplace();
  try {
    return (await one.happen(place)).map((text) => normalized(text, place.path));
  } finally {
    await place.close();
  }
}

export const prove: Proof = async ({ slice, log }) => {
  const updating = process.env["UPDATE_SNAPSHOTS"] !== undefined;
  const snapshots = JSON.parse(readFileSync(snapshotPath, "utf8")) as Snapshots;
  const chosen = misfortunes.filter((one) => one.quick || !slice);
  const failed: string[] = [];
  let texts = 0;
  const judge = async (one: Misfortune): Promise<void> => {
    try {
      const found = await textsOf(one);
      texts += found.length;
      if (updating) snapshots[one.name] = found;
      const same = JSON.stringify(found) === JSON.stringify(snapshots[one.name]);
      if (!same || found.some((text) => STACK.test(text))) {
        failed.push(one.name);
        log(`${one.name}: found ${JSON.stringify(found, null, 2)}`);
      }
    } catch (error) {
      failed.push(one.name);
      log(`${one.name}: ${String(error)}`);
    }
  };
  // They wait for processes more than they work.
  const queue = [...chosen];
  const worker = async (): Promise<void> => {
    for (let one = queue.shift(); one !== undefined; one = queue.shift()) await judge(one);
  };
  await Promise.all([worker(), worker(), worker()]);
  if (updating) writeFileSync(snapshotPath, `${JSON.stringify(snapshots, null, 2)}\n`);
  const figures: Record<string, Figure> = { misfortunes: chosen.length, texts, failed };
  return { pass: failed.length === 0, figures };
};
