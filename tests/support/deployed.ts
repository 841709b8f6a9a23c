// `millrace up` as a user starts it, with what a test asks of it over REST and reads on its output.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { cliPath, LineProcess } from "./cli.ts";
import { freePort } from "./sqld.ts";

const WAIT_MS = 60_000;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface JobFacts {
  readonly state: string;
  readonly millrace: { readonly "restarts-total": number };
}

export class Deployed {
  readonly #process: LineProcess;
  readonly #urls: string[] = [];
  #token = "";
  /** Which coordinator said last that it leads. */
  readonly #leads: string[] = [];
  readonly #pids = new Map<string, number>();
  readonly #noise: string[] = [];

  private constructor(process_: LineProcess) {
    this.#process = process_;
    process_.child.stdout?.on("data", (text: string) => {
      for (const line of text.split("\n")) this.#note(line);
    });
  }

  static async start(root: string, args: readonly string[]): Promise<Deployed> {
    mkdirSync(join(root, "store"), { recursive: true });
    const port = await freePort();
    const command = [
      process.execPath,
      cliPath,
      "up",
      "--directory",
      join(root, "store"),
      "--port",
      String(port),
      ...args,
    ];
    const deployed = new Deployed(new LineProcess({ command: command as [string, ...string[]], directory: root }));
    deployed.#urls.push(`http://127.0.0.1:${port}`);
    deployed.#token = ((await deployed.line(/token {2}(\S+)/))[1] as string) ?? "";
    await deployed.line(/worker 1: .*working/);
    await deployed.until("a coordinator leads", async () => deployed.#leads.length > 0);
    return deployed;
  }

  #note(line: string): void {
    this.#noise.push(line);
    const pid = /^(\w+ \d+) is process (\d+)$/.exec(line);
    if (pid !== null) this.#pids.set(pid[1] as string, Number(pid[2]));
    const leads = /^(coordinator \d+): .*"leads","epoch"/.exec(line);
    if (leads !== null) this.#leads.push(leads[1] as string);
  }

  line(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#process.line(pattern);
  }

  async until<T>(what: string, ask: () => Promise<T | undefined | false>): Promise<T> {
    const limit = Date.now() + WAIT_MS;
    for (;;) {
      const answer = await ask().catch(() => undefined); // the server may be gone for a while
      if (answer !== undefined && answer !== false) return answer;
      if (Date.now() > limit) throw new Error(`${what}: not within ${WAIT_MS} ms\n${this.#noise.join("\n")}`);
      await pause(50);
    }
  }

  processOf(name: string): Promise<number> {
    return this.until(`${name} is there`, async () => this.#pids.get(name));
  }

  /** The coordinator that leads; `after`: another one than that. */
  leader(after?: string): Promise<string> {
    const known = after === undefined ? 0 : this.#leads.lastIndexOf(after) + 1;
    return this.until("a coordinator leads", async () => this.#leads.slice(known).at(-1));
  }

  async call(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
    const answer = await fetch(`${this.#urls[0]}${path}`, {
      method,
      headers: { Authorization: `Bearer ${this.#token}`, "Content-Type": "application/json" },
      signal: AbortSignal.timeout(5_000),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return JSON.parse(text) as Record<string, unknown>;
  }

  async submit(spec: object): Promise<string> {
    return String((await this.call("POST", "/v1/jobs", spec))["jobid"]);
  }

  /** Waits until the process that leads now has seen so many checkpoints complete. */
  async checkpoints(id: string, count: number): Promise<void> {
    await this.until(`${count} checkpoints`, async () => {
      const { counts } = (await this.call("GET", `/v1/jobs/${id}/checkpoints`)) as { counts: { completed: number } };
      return counts.completed >= count;
    });
  }

  async #facts(id: string): Promise<JobFacts> {
    return (await this.call("GET", `/v1/jobs/${id}`)) as unknown as JobFacts;
  }

  async ended(id: string): Promise<string> {
    return await this.until("the job's end", async () => {
      const { state } = await this.#facts(id);
      return ["FINISHED", "FAILED", "CANCELED"].includes(state) ? state : undefined;
    });
  }

  async restarts(id: string): Promise<number> {
    return (await this.#facts(id)).millrace["restarts-total"];
  }

  async stop(): Promise<void> {
    for (const pid of this.#pids.values()) continued(pid);
    await this.#process.stop("SIGTERM");
  }
}

function continued(pid: number): void {
  try {
    process.kill(pid, "SIGCONT");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
