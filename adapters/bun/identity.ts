// Bun, as it names itself inside the process.

interface BunGlobal {
  readonly Bun?: { readonly version?: string };
}

export function bunIdentity(): { readonly name: "bun"; readonly version: string } | undefined {
  const version = (globalThis as BunGlobal).Bun?.version;
  return version === undefined ? undefined : { name: "bun", version };
}
