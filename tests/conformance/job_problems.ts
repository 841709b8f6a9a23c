// Specs that are wrong, each with the exact texts that its author is shown. A change of wording shows here.

import { expressions, operators } from "./job_problems_operators.ts";
import { documents, sources, wirings } from "./job_problems_wiring.ts";
import type { InvalidSpec } from "./job_specs.ts";

export const invalidSpecs: readonly InvalidSpec[] = [
  ...documents,
  ...wirings,
  ...sources,
  ...expressions,
  ...operators,
];
