// millrace validate: everything that is wrong with a job, or that nothing is.

import process from "node:process";
import { specError, validateJobSpec } from "../../../src/job/validate_job_spec.ts";
import { EXIT, reportError } from "./exit.ts";
import { loadJob } from "./load_job.ts";

export async function validate(file: string, options: { readonly json?: boolean }): Promise<number> {
  const validation = validateJobSpec(await loadJob(file));
  if (validation.kind === "invalid") {
    return reportError(specError(validation.problems, file), options.json === true, validation.problems);
  }
  const { name, operators } = validation.spec;
  if (options.json === true) process.stdout.write(`${JSON.stringify({ event: "valid", spec: validation.spec })}\n`);
  else process.stdout.write(`${file}: job "${name}" is valid, ${operators.length} operators\n`);
  return EXIT.done;
}
