// What a job spec's validation knows of the TypeScript functions that a deployment registers.

import type { Schema } from "../batch/schema.ts";

export interface FunctionSignature {
  /** How many inputs it reads. */
  readonly inputs: 1 | 2;
  /** What else it says of itself; a spec that says otherwise is refused. */
  readonly declares?: FunctionDeclaration;
}

export interface FunctionDeclaration {
  /** By input: the columns that it reads. */
  readonly reads: readonly Schema[];
  readonly columns: Schema;
  readonly states: ReadonlyMap<string, "value" | "list" | "map">;
  readonly outputs: ReadonlyMap<string, Schema>;
  readonly needsEventTime: boolean;
}

/** The deployment's functions by name; `any`: whoever runs the job checks them. */
export type KnownFunctions = ReadonlyMap<string, FunctionSignature> | "any";
