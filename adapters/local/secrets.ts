// Secrets by reference: what a deployment is started with names where a secret is, never the secret itself, so that
// it appears in no command line, no log and no error.
//
//   env:NAME          the environment variable NAME
//   file:/path        the file's text without the line break at its end (how Kubernetes and systemd hand secrets over)

import { readFileSync } from "node:fs";
import process from "node:process";
import { userError } from "../../src/base/errors.ts";

/** Rejects with `secret_missing` where the reference leads nowhere or to nothing. */
export function readSecret(reference: string): string {
  const text = readSecretIfAny(reference);
  if (text !== undefined) return text;
  throw userError(
    "secret_missing",
    reference,
    `there is no secret at ${reference}: set it, or give another reference (env:NAME or file:/path)`,
  );
}

export function readSecretIfAny(reference: string): string | undefined {
  const text = reference.startsWith("env:") ? process.env[reference.slice("env:".length)] : fileText(reference);
  return text === undefined || text === "" ? undefined : text;
}

function fileText(reference: string): string | undefined {
  if (!reference.startsWith("file:")) {
    // It may be the secret itself, given by mistake: it is not repeated.
    throw userError("secret_reference_invalid", "secret", "a secret is given as env:NAME or file:/path, not as itself");
  }
  try {
    return readFileSync(reference.slice("file:".length), "utf8").replace(/\r?\n$/, "");
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return undefined;
    const message = `the secret at ${reference} cannot be read: ${String((error as { code?: unknown }).code)}`;
    throw userError("secret_missing", reference, message, { cause: error });
  }
}
