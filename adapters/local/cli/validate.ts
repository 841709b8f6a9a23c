// millrace validate: everything that is wrong with a job, or that nothing is.

import process from "node:process";
import { specError, validateJobSpec } from "../../../src/job/validate_job_spec.ts";
import { loadFunctions } from "../functions.ts";
import { EXIT, reportError } from "./exit.ts";
import { loadJob } from "./load_job.ts";

export interface ValidateOptions {
  readonly json?: boolean;
  readonly functions: readonly string[];
}

export async function validate(file: string, options: ValidateOptions): Promise<number> {
  const functions = await loadFunctions(options.functions);
  const validation = validateJobSpec(await loadJob(file), { functions: functions.signatures });
  if (validation.kind === "invalid") {
    return reportError(specError(validation.problems, file), options.json === true, validation.problems);
  }
  const { name, operators } = validation.spec;
  if (options.json === true) process.stdout.write(`${JSON.stringify({ event: "valid", spec: validation.spec })}\n`);
  else process.stdout.write(`${file}: job "${name}" is valid, ${operators.length} operators\n`);
  return EXIT.done;
}
