// A proof's progress in .cache/proofs/<id>.json: removed when the proof has ended, and ignored when it was
// made by other code, since figures of two versions must never be mixed.

import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { rootPath } from "./process.ts";
import type { Figure, Progress } from "./proof.ts";

interface Saved {
  readonly commit: string;
  readonly values: Readonly<Record<string, Figure>>;
}

export class ProgressFile implements Progress {
  readonly #path: string;
  readonly #commit: string;
  #values: Record<string, Figure> = {};

  constructor(name: string, commit: string) {
    this.#path = join(rootPath, ".cache", "proofs", `${name}.json`);
    this.#commit = commit;
    const saved = this.#load();
    if (saved?.commit === commit) this.#values = { ...saved.values };
  }

  get size(): number {
    return Object.keys(this.#values).length;
  }

  get<T extends Figure>(key: string): T | undefined {
    return this.#values[key] as T | undefined;
  }

  set(key: string, value: Figure): void {
    this.#values[key] = value;
    mkdirSync(dirname(this.#path), { recursive: true });
    const saved: Saved = { commit: this.#commit, values: this.#values };
    writeFileSync(`${this.#path}.new`, JSON.stringify(saved));
    renameSync(`${this.#path}.new`, this.#path);
  }

  /** Forgets everything: the next run starts anew. */
  clear(): void {
    this.#values = {};
    rmSync(this.#path, { force: true });
  }

  #load(): Saved | undefined {
    let text: string;
    try {
      text = readFileSync(this.#path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
    return JSON.parse(text) as Saved;
  }
}
