// What a proof is to the program that runs it: a function that measures and says whether the bar is reached.

export type Figure = string | number | boolean | readonly Figure[] | { readonly [name: string]: Figure };

/** Survives between runs of one proof, so that an interrupted proof goes on where it was. */
export interface Progress {
  get<T extends Figure>(key: string): T | undefined;
  /** Written to disk before it returns. */
  set(key: string, value: Figure): void;
}

export interface ProofOptions {
  /** Only the small, fixed part that every CI run does, in at most 10 s. */
  readonly slice: boolean;
  /** For the person who waits; never part of the result. */
  log(line: string): void;
  readonly progress: Progress;
}

export interface ProofResult {
  readonly pass: boolean;
  readonly figures: { readonly [name: string]: Figure };
}

/** What tests/proofs/<id>.ts exports under the name `prove`. */
export type Proof = (options: ProofOptions) => Promise<ProofResult>;

/** One line of bench/results/proofs.ndjson. */
export interface ProofRecord extends ProofResult {
  readonly id: string;
  readonly slice: boolean;
  readonly commit: string;
  readonly machine: string;
  readonly seconds: number;
  readonly at: string;
}
