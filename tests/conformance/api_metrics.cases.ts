// The Prometheus text format, and the rates that metrics are made of.

import { BusyMeter } from "../../src/api/job_metrics.ts";
import { PrometheusText } from "../../src/telemetry/prometheus.ts";
import { test } from "../case.ts";
import { equal, ok } from "../expect.ts";

export const cases = [
  test("a label's value cannot end its line or its quotes", () => {
    const out = new PrometheusText();
    out.add("m", "gauge", 'help with \\ and\nbreak and "quotes"', { name: 'a"b\\c\nd{}=,', other: "ü" }, 1);
    equal(
      out.text(),
      '# HELP m help with \\\\ and\\nbreak and "quotes"\n# TYPE m gauge\nm{name="a\\"b\\\\c\\nd{}=,",other="ü"} 1\n',
    );
  }),

  test("a family stands together whatever the order of its samples, and missing values write nothing", () => {
    const out = new PrometheusText();
    out.add("a", "gauge", "A.", { job: "1" }, 1);
    out.add("b", "counter", "B.", {}, 2);
    out.add("a", "gauge", "A.", { job: "2" }, undefined);
    out.add("a", "gauge", "A.", { job: "3" }, -0.5);
    out.add("c", "gauge", "C.", {}, undefined);
    const lines = [
      "# HELP a A.",
      "# TYPE a gauge",
      'a{job="1"} 1',
      'a{job="3"} -0.5',
      "# HELP b B.",
      "# TYPE b counter",
      "b 2",
    ];
    equal(out.text(), `${lines.join("\n")}\n`);
    equal(new PrometheusText().text(), "");
  }),

  test("numbers that are none are written as Prometheus reads them", () => {
    const out = new PrometheusText();
    for (const [index, value] of [Number.NaN, Infinity, -Infinity, 1e21, 0].entries()) {
      out.add("v", "gauge", "V.", { at: String(index) }, value);
    }
    const written = out.text().trimEnd().split("\n").slice(2);
    equal(
      written.map((line) => line.split(" ")[1]),
      ["NaN", "+Inf", "-Inf", "1e+21", "0"],
    );
  }),

  test("a name that Prometheus would not read is a fault of the code", () => {
    for (const name of ["", "1a", "a-b", "a b", "a\n"]) {
      let refused = false;
      try {
        new PrometheusText().add(name, "gauge", "", {}, 1);
      } catch {
        refused = true;
      }
      ok(refused, `${JSON.stringify(name)} is refused`);
    }
  }),

  test("busy time is a rate over at least a second, the same for readings that are nearer to each other", () => {
    const meter = new BusyMeter();
    equal(meter.read("j", 0, 100), undefined, "one reading is no rate");
    equal(meter.read("j", 500, 400), undefined, "too near");
    equal(meter.read("j", 2000, 1100), 500);
    equal(meter.read("j", 2400, 1500), 500, "the same for another reader");
    equal(meter.read("j", 3000, 3000), 1000, "never more than all of the time");
    equal(meter.read("j", 9000, 5), undefined, "a restarted task begins anew");
    meter.keep([]);
    equal(meter.read("j", 20_000, 6000), undefined, "a forgotten job too");
  }),
];
