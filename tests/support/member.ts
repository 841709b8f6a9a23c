// A coordinator or worker as a process of its own, on a runtime of choice, for deployments that a test puts together.

import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { rootPath } from "../../tools/process.ts";
import { cliPath, LineProcess } from "./cli.ts";
import { type LocalRuntime, runtimeCommands } from "./server_process.ts";

export interface MemberOptions {
  readonly runtime: LocalRuntime;
  readonly role: "coordinator" | "worker";
  /** Each member has a directory below it. */
  readonly root: string;
  readonly secret: string;
  readonly args: readonly string[];
}

let members = 0;

/** The program itself: what npm installs for Deno is a script that starts it, and signals would reach that script. */
const programs = new Map<string, string>();
function programOf(name: string): string {
  const known = programs.get(name);
  if (known !== undefined) return known;
  const installed = join(rootPath, "node_modules", ".bin", name);
  const program =
    name === "deno"
      ? execFileSync(installed, ["eval", "console.log(Deno.execPath())"], { encoding: "utf8" }).trim()
      : installed;
  programs.set(name, program);
  return program;
}

export class Member extends LineProcess {
  readonly runtime: LocalRuntime;

  constructor({ runtime, role, root, secret, args }: MemberOptions) {
    const directory = join(root, `${role}-${++members}`);
    mkdirSync(directory, { recursive: true });
    const [name = "", ...first] = runtimeCommands[runtime];
    super({
      command: [programOf(name), ...first, cliPath, role, "--directory", directory, "--health-port", "0", ...args],
      directory: root,
      environment: { ...process.env, NO_COLOR: "1", MILLRACE_CLUSTER_SECRET: secret, MILLRACE_TOKEN: secret },
    });
    this.runtime = runtime;
  }

  /** Its own answer to what a probe asks; 0 where it does not answer. */
  async health(path: "live" | "ready"): Promise<number> {
    const port = (await this.line(/"health":(\d+)/))[1];
    const answer = await fetch(`http://127.0.0.1:${port}/health/${path}`).catch(() => undefined);
    await answer?.body?.cancel();
    return answer?.status ?? 0;
  }

  /** Where a coordinator serves REST. */
  async url(): Promise<string> {
    return (await this.line(/"event":"listening","url":"([^"]+)"/))[1] ?? "";
  }
}
