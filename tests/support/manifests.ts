// What the files of docs/operating say, read as their own tools read them, so that a test can run it as processes here.
// Only what those files use is understood; anything else is an error.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { rootPath } from "../../tools/process.ts";

const text = (name: string): string => readFileSync(join(rootPath, "docs", "operating", name), "utf8");

/** A backslash at the end of a line goes on in the next one; comments are whole lines. */
const logicalLines = (source: string): string[] =>
  source
    .split("\n")
    .filter((line) => !/^\s*[#;]/.test(line))
    .join("\n")
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");

// --- Containerfile

export interface Copy {
  /** The stage that it comes from; undefined: the top of the repository. */
  readonly from: string | undefined;
  readonly sources: readonly string[];
  readonly target: string;
}
export interface Stage {
  readonly name: string;
  readonly workdir: string;
  readonly copies: readonly Copy[];
  readonly runs: readonly (readonly string[])[];
  readonly environment: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly healthCheck: readonly string[];
  readonly stopSignal: string;
  readonly ports: readonly number[];
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

export function readContainerfile(name = "Containerfile"): readonly Stage[] {
  const stages: Mutable<Stage>[] = [];
  for (const line of logicalLines(text(name))) {
    const [, instruction = "", rest = ""] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    if (instruction === "FROM") {
      stages.push(freshStage(/\sAS\s+(\S+)$/.exec(rest)?.[1] ?? ""));
      continue;
    }
    const stage = stages.at(-1);
    if (stage === undefined) throw new Error(`${line}: before the first FROM`);
    instruct(stage, instruction, rest);
  }
  return stages;
}

const freshStage = (name: string): Mutable<Stage> => ({
  ...{ name, workdir: "/", copies: [], runs: [], environment: {}, entrypoint: [], command: [] },
  ...{ healthCheck: [], stopSignal: "SIGTERM", ports: [] },
});

const listOf = (json: string): readonly string[] => JSON.parse(json) as string[];

function instruct(stage: Mutable<Stage>, instruction: string, rest: string): void {
  const words = rest.split(/\s+/);
  switch (instruction) {
    case "WORKDIR":
      stage.workdir = rest;
      return;
    case "COPY": {
      const from = /^--from=(\S+)$/.exec(words[0] ?? "")?.[1];
      const paths = from === undefined ? words : words.slice(1);
      stage.copies = [...stage.copies, { from, sources: paths.slice(0, -1), target: paths.at(-1) ?? "" }];
      return;
    }
    case "RUN":
      stage.runs = [...stage.runs, listOf(rest)];
      return;
    case "ENV":
      for (const word of words) {
        const at = word.indexOf("=");
        stage.environment = { ...stage.environment, [word.slice(0, at)]: word.slice(at + 1) };
      }
      return;
    case "EXPOSE":
      stage.ports = words.map(Number);
      return;
    case "STOPSIGNAL":
      stage.stopSignal = rest;
      return;
    case "HEALTHCHECK":
      stage.healthCheck = listOf(rest.slice(rest.indexOf(" CMD ") + " CMD ".length));
      return;
    case "ENTRYPOINT":
      stage.entrypoint = listOf(rest);
      return;
    case "CMD":
      stage.command = listOf(rest);
      return;
    case "USER":
    case "VOLUME":
      return;
    default:
      throw new Error(`${instruction} is not understood by this test`);
  }
}

// --- systemd

export class Unit {
  readonly #settings = new Map<string, string[]>();

  constructor(name: string) {
    let section = "";
    for (const line of logicalLines(text(`systemd/${name}`))) {
      const heading = /^\[(\w+)\]$/.exec(line);
      if (heading !== null) {
        section = heading[1] ?? "";
        continue;
      }
      const at = line.indexOf("=");
      if (at < 0 || section === "") throw new Error(`${name}: ${line} is no setting`);
      const key = `${section}.${line.slice(0, at)}`;
      this.#settings.set(key, [...(this.#settings.get(key) ?? []), line.slice(at + 1)]);
    }
  }

  all(key: string): readonly string[] {
    return this.#settings.get(key) ?? [];
  }
  one(key: string): string {
    const [value, ...more] = this.all(key);
    if (value === undefined || more.length > 0) throw new Error(`${key} is not given once`);
    return value;
  }
  /** As systemd splits it, with the variables that it puts in. */
  command(environment: Readonly<Record<string, string>>): string[] {
    return this.one("Service.ExecStart")
      .split(/\s+/)
      .map((word) => word.replaceAll(/\$\{(\w+)\}/g, (_all, name: string) => given(environment, name)));
  }
}

function given(values: Readonly<Record<string, string>>, name: string): string {
  const value = values[name];
  if (value === undefined) throw new Error(`${name} is used and not given`);
  return value;
}

// --- Kubernetes

export interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
  readonly periodSeconds: number;
  readonly failureThreshold: number;
}
export interface Container {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly envFrom: readonly { readonly configMapRef: { readonly name: string } }[];
  readonly env: readonly {
    readonly name: string;
    readonly valueFrom: {
      readonly fieldRef?: { readonly fieldPath: string };
      readonly secretKeyRef?: { readonly name: string; readonly key: string; readonly optional?: boolean };
    };
  }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly lifecycle: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } };
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}
export interface KubernetesObject {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly replicas?: number;
    readonly selector?: Readonly<Record<string, unknown>>;
    readonly minAvailable?: number;
    readonly maxUnavailable?: number;
    readonly ports?: readonly { readonly port: number; readonly targetPort: string }[];
    readonly template?: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly containers: readonly Container[];
        readonly volumes: readonly { readonly name: string }[];
      };
    };
  };
}

export function readKubernetes(name = "kubernetes/millrace.yaml"): readonly KubernetesObject[] {
  return parseAllDocuments(text(name), { strict: true, uniqueKeys: true }).map((document) => {
    const [problem] = [...document.errors, ...document.warnings];
    if (problem !== undefined) throw problem;
    return document.toJS() as KubernetesObject;
  });
}

/** The container's environment; `sources` by the names of maps and secrets, then by key. */
export function environmentOf(
  container: Container,
  sources: Readonly<Record<string, Readonly<Record<string, string>>>>,
  fields: Readonly<Record<string, string>>,
): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const { configMapRef } of container.envFrom)
    Object.assign(environment, sources[`ConfigMap/${configMapRef.name}`]);
  for (const { name, valueFrom } of container.env) {
    const { fieldRef, secretKeyRef } = valueFrom;
    if (fieldRef !== undefined) environment[name] = given(fields, fieldRef.fieldPath);
    else if (secretKeyRef !== undefined) {
      const secret = sources[`Secret/${secretKeyRef.name}`] ?? {};
      if (secretKeyRef.optional === true && secret[secretKeyRef.key] === undefined) continue;
      environment[name] = given(secret, secretKeyRef.key);
    }
  }
  return environment;
}

/** As Kubernetes puts variables into arguments. */
export const expanded = (word: string, environment: Readonly<Record<string, string>>): string =>
  word.replaceAll(/\$\((\w+)\)/g, (_all, name: string) => given(environment, name));
