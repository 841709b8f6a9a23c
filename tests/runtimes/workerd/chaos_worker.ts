// Millrace's own Worker, with a way to make its objects vanish at any time: memory and whatever is under way are gone,
// what was durable stays. Everything else is the real thing.
//
//   POST /chaos/<cell|log|directory>/<name of the object>?afterMs=<n>   it vanishes
//   GET /chaos/cell/<name>       when its alarm will ring
//   DELETE /chaos/cell/<name>    its alarm is lost

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

interface WithAlarm {
  alarmAt(): Promise<number | null>;
  loseAlarm(): Promise<void>;
}

export class JobCell extends Cell implements Mortal, WithAlarm {
  alarmAt(): Promise<number | null> {
    return this.ctx.storage.getAlarm();
  }
  loseAlarm(): Promise<void> {
    return this.ctx.storage.deleteAlarm();
  }
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

async function chaos(request: Request, env: Env): Promise<Response> {
  const url = new URL(request.url);
  const [, , kind = "", ...name] = url.pathname.split("/");
  const namespace = env[namespaces[kind as keyof typeof namespaces]];
  const object = namespace.get(namespace.idFromName(name.join("/"))) as unknown as Mortal & WithAlarm;
  if (request.method === "GET") return Response.json(await object.alarmAt());
  if (request.method === "DELETE") {
    await object.loseAlarm();
    return new Response(null, { status: 204 });
  }
  try {
    await object.vanish(Number(url.searchParams.get("afterMs")));
    return new Response("it is still there", { status: 500 });
  } catch (error) {
    return new Response(String(error));
  }
}

export default {
  fetch(request: Request, env: Env): Response | Promise<Response> {
    const isChaos = new URL(request.url).pathname.startsWith("/chaos/");
    return isChaos ? chaos(request, env) : millrace.fetch(request, env);
  },
};
