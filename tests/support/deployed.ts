// `millrace up` as a user starts it, with what a test asks of it over REST and reads on its output.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { cliPath, LineProcess } from "./cli.ts";
import { DeploymentClient } from "./deployment_client.ts";
import { freePort } from "./sqld.ts";

export class Deployed extends DeploymentClient {
  readonly #process: LineProcess;
  /** Which coordinator said last that it leads. */
  readonly #leads: string[] = [];
  readonly #pids = new Map<string, number>();
  /** What each worker that has joined calls itself, by the id of its process. */
  readonly #workers = new Map<number, string>();
  readonly #noise: string[] = [];

  private constructor(process_: LineProcess, url: string) {
    super([url]);
    this.#process = process_;
    let begun = "";
    process_.child.stdout?.on("data", (text: string) => {
      const lines = (begun + text).split("\n");
      begun = lines.pop() ?? "";
      for (const line of lines) this.#note(line);
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
    const started = new LineProcess({ command: command as [string, ...string[]], directory: root });
    const deployed = new Deployed(started, `http://127.0.0.1:${port}`);
    deployed.token = ((await deployed.line(/token {2}(\S+)/))[1] as string) ?? "";
    await deployed.line(/worker 1: .*working/);
    await deployed.until("a coordinator leads", async () => deployed.#leads.length > 0);
    return deployed;
  }

  #note(line: string): void {
    this.#noise.push(line);
    const pid = /^(\w+ \d+) is process (\d+)$/.exec(line);
    if (pid !== null) this.#pids.set(pid[1] as string, Number(pid[2]));
    const working = /^(worker \d+): .*"working","worker":"([0-9a-f]+)"/.exec(line);
    if (working !== null) this.#workers.set(this.#pids.get(working[1] as string) as number, working[2] as string);
    const leads = /^(coordinator \d+): .*"leads","epoch"/.exec(line);
    if (leads !== null) this.#leads.push(leads[1] as string);
  }

  line(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#process.line(pattern);
  }

  protected override noise(): string {
    return this.#noise.join("\n");
  }

  processOf(name: string): Promise<number> {
    return this.until(`${name} is there`, async () => this.#pids.get(name));
  }

  /** The processes that there are by the last that was heard, by name. */
  get processes(): ReadonlyMap<string, number> {
    return this.#pids;
  }
  /** What the worker in this process calls itself, once it works. */
  workerIn(pid: number): string | undefined {
    return this.#workers.get(pid);
  }

  /** The coordinator that leads; `after`: another one than that. */
  leader(after?: string): Promise<string> {
    const known = after === undefined ? 0 : this.#leads.lastIndexOf(after) + 1;
    return this.until("a coordinator leads", async () => this.#leads.slice(known).at(-1));
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
