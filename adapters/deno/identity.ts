// Deno, as it names itself inside the process.

interface DenoGlobal {
  readonly Deno?: { readonly version?: { readonly deno?: string } };
}

export function denoIdentity(): { readonly name: "deno"; readonly version: string } | undefined {
  const version = (globalThis as DenoGlobal).Deno?.version?.deno;
  return version === undefined ? undefined : { name: "deno", version };
}
