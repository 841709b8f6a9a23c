// Millrace's own Worker in real workerd, with calls that carry the token.

import { startWorker } from "./workerd_bundle.ts";

export interface Answer {
  readonly status: number;
  readonly text: string;
}

export interface AnswerWithHeaders extends Answer {
  header(name: string): string | null;
}

export interface MillraceWorker {
  call(method: string, path: string, body?: unknown, contentType?: string, token?: string): Promise<Answer>;
  bytes(method: string, path: string, body?: Uint8Array): Promise<{ status: number; bytes: Uint8Array }>;
  /** A call with headers of its own; the answer's can be asked for. */
  send(method: string, path: string, headers: Record<string, string>, body?: string): Promise<AnswerWithHeaders>;
  /** Waits until the table has at least `count` rows; fails after 30 s. */
  rowsOf(table: string, count: number): Promise<readonly Record<string, unknown>[]>;
  /** Names of what is in a bucket that it is bound to. */
  objectsIn(bucket: string): Promise<readonly string[]>;
  dispose(): Promise<void>;
}

const TOKEN = "a-token-for-tests-only";

export interface MillraceWorkerOptions {
  readonly token?: string;
  readonly storagePath?: string;
  readonly entry?: string;
  readonly variables?: Readonly<Record<string, string>>;
  readonly buckets?: readonly string[];
}

export async function startMillraceWorker(options: MillraceWorkerOptions = {}): Promise<MillraceWorker> {
  const worker = await startWorker({
    entry: options.entry ?? "adapters/cloudflare/main.ts",
    durableObjects: { CELL: "JobCell", LOG: "LogObject", DIRECTORY: "DirectoryObject" },
    bindings: { MILLRACE_TOKEN: options.token ?? TOKEN, ...options.variables },
    buckets: options.buckets ?? [],
    ...(options.storagePath === undefined ? {} : { storagePath: options.storagePath }),
  });

  const send = async (
    method: string,
    path: string,
    headers: Record<string, string>,
    body: string | Uint8Array | undefined,
  ) =>
    await worker.dispatchFetch(`http://millrace.test${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
    });

  const call: MillraceWorker["call"] = async (method, path, body, contentType = "application/json", token = TOKEN) => {
    const headers: Record<string, string> = { Authorization: `Bearer ${token}` };
    if (method !== "GET") headers["Content-Type"] = contentType;
    const response = await send(method, path, headers, body === undefined ? undefined : JSON.stringify(body));
    return { status: response.status, text: await response.text() };
  };

  return {
    call,
    bytes: async (method, path, body) => {
      const headers = { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/octet-stream" };
      const response = await send(method, path, headers, body);
      return { status: response.status, bytes: new Uint8Array(await response.arrayBuffer()) };
    },
    send: async (method, path, headers, body) => {
      const response = await send(method, path, { Authorization: `Bearer ${TOKEN}`, ...headers }, body);
      const header = (name: string): string | null => response.headers.get(name);
      return { status: response.status, text: await response.text(), header };
    },
    rowsOf: async (table, count) => {
      const until = Date.now() + 30_000;
      for (;;) {
        const answer = await call("GET", `/v1/tables/${table}/rows?limit=10000`);
        const rows = answer.status === 200 ? (JSON.parse(answer.text) as { rows: Record<string, unknown>[] }).rows : [];
        if (rows.length >= count) return rows;
        if (Date.now() > until) throw new Error(`table ${table} has ${rows.length} rows: ${answer.text.slice(0, 500)}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    objectsIn: async (bucket) => (await (await worker.getR2Bucket(bucket)).list()).objects.map((one) => one.key),
    dispose: () => worker.dispose(),
  };
}
