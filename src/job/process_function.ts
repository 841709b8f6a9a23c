// What a job spec's validation knows of the TypeScript functions that a deployment registers.

export interface FunctionSignature {
  /** How many inputs it reads. */
  readonly inputs: 1 | 2;
}

/** The deployment's functions by name; `any`: whoever runs the job checks them. */
export type KnownFunctions = ReadonlyMap<string, FunctionSignature> | "any";
