// The token that every request must carry: made at the first start, kept beside the store, readable by its owner only.

import { chmodSync, closeSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { hexOf } from "../../src/base/bytes.ts";
import { externalError, userError } from "../../src/base/errors.ts";
import type { Entropy } from "../../src/platform/ports.ts";

const TOKEN = /^[A-Za-z0-9_-]{16,256}$/;

/** Call with the store open: its lock makes this process the only one that could create the token. */
export function loadToken(directory: string, entropy: Entropy): { readonly token: string; readonly path: string } {
  const path = join(directory, "token");
  const stored = readToken(path);
  if (stored !== undefined) return { token: stored, path };
  const token = hexOf(entropy.bytes(24));
  try {
    const file = openSync(path, "w", 0o600);
    try {
      chmodSync(path, 0o600); // a file that was there keeps its own mode otherwise
      writeSync(file, `${token}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw externalError("token_unavailable", path, `the token cannot be written to ${path}: ${String(cause)}`, {
      cause,
    });
  }
  return { token, path };
}

function readToken(path: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8").trim();
  } catch (cause) {
    if ((cause as { code?: unknown }).code === "ENOENT") return undefined;
    throw externalError("token_unavailable", path, `the token cannot be read from ${path}: ${String(cause)}`, {
      cause,
    });
  }
  if (text === "") return undefined; // the process ended while it wrote the file
  if (TOKEN.test(text)) return text;
  const expected = "16 to 256 letters, digits, - and _";
  throw userError("token_invalid", path, `${path} does not hold a token (${expected}); delete it to get a new one`);
}
