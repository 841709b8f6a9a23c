// Process functions from modules: everything that a module exports and that `defineProcessFunction` has made.
// Each thread of a task loads the modules for itself: a function does not travel between threads.

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { MillraceError, userError } from "../../src/base/errors.ts";
import { isProcessFunction, type ProcessFunction, ProcessFunctions } from "../../src/job/define_process.ts";

/** @param files paths of modules; each exports at least one function. */
export async function loadFunctions(files: readonly string[]): Promise<ProcessFunctions> {
  const found: ProcessFunction[] = [];
  for (const file of files) {
    const own = functionsOf(await importModule(file));
    if (own.length === 0) {
      const message = `${file} exports no process function; something that defineProcessFunction has made would be right`;
      throw userError("functions_file_invalid", file, message);
    }
    found.push(...own);
  }
  return new ProcessFunctions(found);
}

/** Also those in an exported list. */
const functionsOf = (module: Readonly<Record<string, unknown>>): ProcessFunction[] =>
  Object.values(module)
    .flatMap((one): unknown[] => (Array.isArray(one) ? one : [one]))
    .filter(isProcessFunction);

async function importModule(file: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await import(pathToFileURL(resolve(file)).href)) as Readonly<Record<string, unknown>>;
  } catch (cause) {
    if (cause instanceof MillraceError) throw cause; // a definition says what is wrong with it
    const message = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    throw userError("functions_file_invalid", file, `${file} cannot be loaded: ${message}`, { cause });
  }
}
