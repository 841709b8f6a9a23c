// Millrace's own Worker, with a way to make its objects vanish at any time: memory and whatever is under way are gone,
// what was durable stays. Everything else is the real thing.
//
//   POST /chaos/<cell|log|directory>/<name of the object>?afterMs=<n>

import { DirectoryObject as Directory } from "../../../adapters/cloudflare/directory.ts";
import { JobCell as Cell } from "../../../adapters/cloudflare/job_cell.ts";
import { LogObject as Log } from "../../../adapters/cloudflare/log_object.ts";
import millrace from "../../../adapters/cloudflare/main.ts";
import type { Env } from "../../../adapters/cloudflare/objects.ts";

interface Mortal {
  vanish(afterMs: number): Promise<void>;
}

/** Other events of the object run until the time has come, so the end may come between any two of them. */
const vanishAfter = (context: DurableObjectState, afterMs: number): Promise<void> =>
  new Promise((_resolve, reject) => {
    setTimeout(() => {
      try {
        context.abort("a test has aborted this object");
      } catch (error) {
        reject(error as Error);
      }
    }, afterMs);
  });

export class JobCell extends Cell implements Mortal {
  vanish(afterMs: number): Promise<void> {
    return vanishAfter(this.ctx, afterMs);
  }
}
export class LogObject extends Log implements Mortal {
  vanish(afterMs: number): Promise<void> {
    return vanishAfter(this.ctx, afterMs);
  }
}
export class DirectoryObject extends Directory implements Mortal {
  vanish(afterMs: number): Promise<void> {
    return vanishAfter(this.ctx, afterMs);
  }
}

const namespaces = { cell: "CELL", log: "LOG", directory: "DIRECTORY" } as const;

async function chaos(url: URL, env: Env): Promise<Response> {
  const [, , kind = "", ...name] = url.pathname.split("/");
  const namespace = env[namespaces[kind as keyof typeof namespaces]];
  const object = namespace.get(namespace.idFromName(name.join("/"))) as unknown as Mortal;
  try {
    await object.vanish(Number(url.searchParams.get("afterMs")));
    return new Response("it is still there", { status: 500 });
  } catch (error) {
    return new Response(String(error));
  }
}

export default {
  fetch(request: Request, env: Env): Response | Promise<Response> {
    const url = new URL(request.url);
    return url.pathname.startsWith("/chaos/") ? chaos(url, env) : millrace.fetch(request, env);
  },
};
