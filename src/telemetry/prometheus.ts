// The Prometheus text format (version 0.0.4): families of samples, one HELP and TYPE line each.
//
// Invariants: a family is written once, with all of its samples together; names and label names are checked, label
// values are escaped, so nothing that a user named can write a line of its own.

import { assert } from "../base/assert.ts";

export type MetricKind = "counter" | "gauge";
export type Labels = Readonly<Record<string, string>>;

export const PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

const NAME = /^[A-Za-z_:][A-Za-z0-9_:]*$/;
const LABEL = /^[A-Za-z_][A-Za-z0-9_]*$/;

interface Family {
  readonly kind: MetricKind;
  readonly help: string;
  readonly samples: string[];
}

export class PrometheusText {
  readonly #families = new Map<string, Family>();

  /** Adds one sample; the first of a name declares its kind and help. A missing value writes nothing. */
  add(name: string, kind: MetricKind, help: string, labels: Labels, value: number | undefined): void {
    assert(NAME.test(name), `${name} is a metric's name`);
    if (value === undefined) return;
    let family = this.#families.get(name);
    if (family === undefined) {
      family = { kind, help, samples: [] };
      this.#families.set(name, family);
    }
    assert(family.kind === kind, `all samples of ${name} are of one kind`);
    family.samples.push(`${name}${labelText(labels)} ${numberText(value)}`);
  }

  text(): string {
    const lines: string[] = [];
    for (const [name, { kind, help, samples }] of this.#families) {
      lines.push(`# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`, `# TYPE ${name} ${kind}`);
      lines.push(...samples);
    }
    return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
  }
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => {
    assert(LABEL.test(name), `${name} is a label's name`);
    return `${name}="${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
  });
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  return value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value);
}
