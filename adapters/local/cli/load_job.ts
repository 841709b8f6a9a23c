// Reads a job from a file: JSON, or a module whose default export is a spec or a builder of one.

import { readFileSync } from "node:fs";
import { extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { whyNotJson } from "../../../src/api/json_body.ts";
import { textOf, utf8 } from "../../../src/base/bytes.ts";
import { MillraceError, userError } from "../../../src/base/errors.ts";
import { SPEC_BYTES_MAX } from "../../../src/base/limits.ts";

const MODULES = new Set([".ts", ".mts", ".js", ".mjs"]);

/** The spec as it was written, not validated yet. */
export async function loadJob(file: string): Promise<unknown> {
  const ending = extname(file).toLowerCase();
  if (ending === ".json") return parse(file, readText(file));
  if (!MODULES.has(ending)) {
    const message = `${file} is neither JSON nor a module; a name ending in .json, .ts, .mts, .js or .mjs would be right`;
    throw userError("job_file_invalid", file, message);
  }
  readText(file); // says better than the module loader what is wrong with the file itself
  return specOf(file, await importDefault(file));
}

function readText(file: string): string {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw unreadable(file, cause);
  }
  if (bytes.byteLength > SPEC_BYTES_MAX) {
    throw userError(
      "job_file_invalid",
      file,
      `${file} has ${bytes.byteLength} bytes; a job has at most ${SPEC_BYTES_MAX}`,
    );
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw userError("job_file_invalid", file, `${file} is not text in UTF-8`, { cause });
  }
}

function unreadable(file: string, cause: unknown): MillraceError {
  switch ((cause as { code?: unknown }).code) {
    case "ENOENT":
      return userError("file_not_found", file, `${file} does not exist`, { cause });
    case "EACCES":
    case "EPERM":
      return userError("file_not_permitted", file, `${file}: the process may not read it`, { cause });
    case "EISDIR":
      return userError("file_not_regular", file, `${file} is a directory; the file of a job would be right`, { cause });
    default:
      return userError("job_file_invalid", file, `${file} cannot be read: ${String(cause)}`, { cause });
  }
}

function parse(file: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw userError("json_invalid", file, `${file} is ${whyNotJson(utf8(text))}${placeOf(text)}`, { cause });
  }
}

/** The byte that the sentence names, as people look for it. */
function placeOf(text: string): string {
  const at = /^not JSON: at byte (\d+)/.exec(whyNotJson(utf8(text)))?.[1];
  if (at === undefined) return "";
  const before = textOf(utf8(text).subarray(0, Number(at))).split("\n");
  return ` (line ${before.length}, column ${(before.at(-1) ?? "").length + 1})`;
}

async function importDefault(file: string): Promise<unknown> {
  try {
    const module = (await import(pathToFileURL(resolve(file)).href)) as { readonly default?: unknown };
    return module.default;
  } catch (cause) {
    if (cause instanceof MillraceError) throw cause; // a builder says what is wrong with the job
    const message = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    throw userError("job_file_invalid", file, `${file} cannot be loaded: ${message}`, { cause });
  }
}

/** A builder has a method that gives its spec. */
function specOf(file: string, exported: unknown): unknown {
  if (exported === undefined) {
    throw userError("job_file_invalid", file, `${file} has no default export; a job, or a spec of one, would be right`);
  }
  const builder = exported as { readonly toSpec?: unknown };
  if (typeof exported !== "object" || exported === null || typeof builder.toSpec !== "function") return exported;
  return (builder.toSpec as () => unknown).call(exported);
}
