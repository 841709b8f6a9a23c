// Bundles a Worker as wrangler would and starts it in workerd through Miniflare.
// Shared by the runner of the shared cases and by every test that needs a real Durable Object.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";

export const COMPATIBILITY_DATE = "2026-10-01";

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface WorkerOptions {
  /** The Worker's entry, relative to the top folder. */
  readonly entry: string;
  /** Names of bindings and the classes of the SQLite-backed Durable Objects behind them. */
  readonly durableObjects: Readonly<Record<string, string>>;
  /** Modules that exist only in this bundle: name and source, imports relative to the top folder. */
  readonly modules?: Readonly<Record<string, string>>;
  readonly bindings?: Readonly<Record<string, string>>;
  /** Names of bindings to R2 buckets. */
  readonly buckets?: readonly string[];
  /** A folder that keeps the storage across restarts; a temporary one where absent. */
  readonly storagePath?: string;
}

/** Any `.wasm` import becomes the compiled kernels, as wrangler's CompiledWasm rule does. */
export async function bundleWorker(entry: string, modules: Readonly<Record<string, string>> = {}): Promise<string> {
  const result = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    logLevel: "silent",
    plugins: [
      {
        name: "millrace",
        setup(hooks) {
          hooks.onResolve({ filter: /\.wasm$/ }, () => ({ path: "./kernels.wasm", external: true }));
          hooks.onResolve({ filter: /^millrace:/ }, ({ path }) => ({ path, namespace: "millrace" }));
          hooks.onLoad({ filter: /.*/, namespace: "millrace" }, ({ path }) => ({
            contents: modules[path] ?? "",
            loader: "ts",
            resolveDir: root,
          }));
        },
      },
    ],
  });
  return result.outputFiles[0]?.text ?? "";
}

export async function startWorker(options: WorkerOptions): Promise<Miniflare> {
  const contents = await bundleWorker(options.entry, options.modules);
  const kernels = readFileSync(`${root}/build/kernels.wasm`);
  const durableObjects = Object.fromEntries(
    Object.entries(options.durableObjects).map(([name, className]) => [name, { className, useSQLite: true }]),
  );
  const converted = convertV4MiniflareOptions({
    modules: [
      { type: "ESModule", path: "worker.mjs", contents },
      { type: "CompiledWasm", path: "kernels.wasm", contents: kernels },
    ],
    compatibilityDate: COMPATIBILITY_DATE,
    compatibilityFlags: ["nodejs_compat"],
    durableObjects,
    bindings: { ...options.bindings },
    r2Buckets: [...(options.buckets ?? [])],
  });
  // Persistence is an option of Miniflare 5 itself; the conversion of version 4's option for it has no effect.
  const persistence = options.storagePath === undefined ? {} : { resourcePersistencePath: options.storagePath };
  const miniflare = new Miniflare({ ...converted, ...persistence });
  await miniflare.ready;
  return miniflare;
}
