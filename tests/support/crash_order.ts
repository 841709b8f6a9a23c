// What crash_child.ts is told, and the bytes by which it says where it is.

export interface CrashOrder {
  readonly directory: string;
  readonly spec: object;
  readonly batchRows: number;
  /** How long each read stands still, so that a file lasts for many kills. */
  readonly readMs: number;
  /** Where to die: at the entry of the `occurrence`-th such stage, by itself at once or by its parent soon after. */
  readonly target: { readonly stage: string; readonly occurrence: number; readonly byItself: boolean } | null;
}

/** The bytes in the file of stages. */
export const stageLetters: Readonly<Record<string, string>> = {
  starting: "s",
  restoring: "t",
  reading: "r",
  gathering: "g",
  uploading: "u",
  publishing: "p",
  committing: "c",
  committed: "d",
  collecting: "x",
};
