// What `dev` and `start` share: a deployment with its server, told to the person at the terminal, closed at the end.

import process from "node:process";
import { asMillraceError } from "../../../src/base/errors.ts";
import { type Deployment, openDeployment } from "../deployment.ts";
import { detectRuntime } from "../runtime.ts";
import { type Server, startServer } from "../server.ts";
import { millraceVersion } from "../version.ts";
import { deploymentOptions, type ListenOptions } from "./options.ts";

export interface Serving {
  readonly deployment: Deployment;
  readonly server: Server;
  close(): Promise<void>;
}

/** Opens the store, listens, and resumes the jobs that are not finished. */
export async function openServing(
  options: ListenOptions,
  more: Parameters<typeof deploymentOptions>[1] = {},
): Promise<Serving> {
  const deployment = await openDeployment(deploymentOptions(options, more));
  let server: Server | undefined;
  try {
    let recovered = (): void => undefined;
    const ready = new Promise<void>((resolve) => {
      recovered = resolve;
    });
    const { host, port, allowHost: allowedHosts, allowOrigin: allowedOrigins } = options;
    server = await startServer(deployment, { host, port, allowedHosts, allowedOrigins, ready });
    await deployment.engine.recover();
    recovered();
    const listening = server;
    return {
      deployment,
      server: listening,
      close: async () => {
        await listening.close();
        await deployment.close();
      },
    };
  } catch (thrown) {
    await server?.close();
    await deployment.close();
    throw asMillraceError(thrown, deployment.directory);
  }
}

export function announce({ deployment, server }: Serving, json: boolean): void {
  const { name, version } = detectRuntime();
  const { url, token, tokenPath } = server;
  const { directory } = deployment;
  const runtime = `${name} ${version}`;
  if (json) {
    const event = {
      event: "listening",
      version: millraceVersion(),
      runtime,
      url,
      token,
      "token-file": tokenPath,
      directory,
    };
    process.stdout.write(`${JSON.stringify(event)}\n`);
    return;
  }
  const lines = [
    `Millrace ${millraceVersion()} on ${runtime}`,
    `  store  ${deployment.store}`,
    `  REST   ${url}`,
    `  token  ${token}  (kept in ${tokenPath})`,
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}

export const curlLine = ({ url, token }: Server, path: string): string =>
  `curl -H "Authorization: Bearer ${token}" "${url}${path}"`;
