// A unit of systemd as a process here: what it starts, with what environment, how it is asked to end and how long it may
// take are the unit's.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { rootPath } from "../../tools/process.ts";
import { type Ended, LineProcess } from "./cli.ts";
import { Unit } from "./manifests.ts";

export interface ServiceOptions {
  readonly unit: string;
  /** Of a unit that is a template. */
  readonly instance?: string;
  /** For state and credentials. */
  readonly root: string;
  /** What `EnvironmentFile` says. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly secret?: string;
  /** What a test asks for beyond the unit: ports, for others may have taken those that it takes by default. */
  readonly more?: readonly string[];
}

export class Service extends LineProcess {
  readonly unit: Unit;

  constructor({ unit: name, instance = "", root, environment, secret, more = [] }: ServiceOptions) {
    const unit = new Unit(name);
    const state = join(root, unit.one("Service.StateDirectory").replace("%i", instance));
    mkdirSync(state, { recursive: true, mode: 0o700 });
    const credentials = join(root, "credentials");
    mkdirSync(credentials, { recursive: true });
    for (const one of unit.all("Service.LoadCredential")) {
      if (secret === undefined) throw new Error(`${name} wants ${one}`);
      writeFileSync(join(credentials, one.slice(0, one.indexOf(":"))), `${secret}\n`);
    }
    const given = { STATE_DIRECTORY: state, CREDENTIALS_DIRECTORY: credentials, ...environment };
    const [program, ...args] = unit.command(given);
    if (program !== "/usr/bin/node" || unit.one("Service.WorkingDirectory") !== "/opt/millrace") {
      throw new Error(`${name} starts ${program} in ${unit.one("Service.WorkingDirectory")}`);
    }
    super({
      command: [process.execPath, ...args, ...more],
      directory: rootPath,
      environment: { PATH: process.env["PATH"], ...given },
    });
    this.unit = unit;
  }

  /** As `systemctl stop` does: the main process alone, or every one that has come of it. */
  async stopped(): Promise<Ended> {
    const signal = this.unit.one("Service.KillSignal") as NodeJS.Signals;
    const late = setTimeout(() => void this.stop("SIGKILL"), Number(this.unit.one("Service.TimeoutStopSec")) * 1000);
    const mixed = this.unit.all("Service.KillMode")[0] === "mixed";
    const ended = await (mixed ? this.signal(signal) : this.stop(signal));
    clearTimeout(late);
    return ended;
  }
}
