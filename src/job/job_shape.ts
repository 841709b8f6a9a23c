// The shape of a job spec around its operators: name, parallelism, checkpoints, restarts.

import * as v from "valibot";
import { MAX_PARALLELISM_DEFAULT, MAX_PARALLELISM_LIMIT } from "../base/limits.ts";
import { count, milliseconds, resourceName } from "./field_shapes.ts";
import * as shape from "./shape.ts";

export const OPERATORS_MAX = 64;
const TIMES_MAX = 1_000_000;

const checkpoint = shape.closed(
  {
    intervalMs: shape.optionalOr(milliseconds(10), 1000),
    timeoutMs: shape.optionalOr(milliseconds(10), 600_000),
    minPauseMs: shape.optionalOr(milliseconds(0), 0),
    tolerableFailures: v.exactOptional(
      v.nullable(shape.wholeNumber(0, TIMES_MAX, `a whole number from 0 to ${TIMES_MAX}, or null for any number`)),
      null,
    ),
    retained: shape.optionalOr(count(1, 100), 2),
  },
  "an object with intervalMs",
);

const strategy = <const Name extends string>(name: Name) => shape.oneName([name]);
const restart = shape.byKind(
  {
    none: shape.closed({ strategy: strategy("none") }, "an object"),
    fixed_delay: shape.closed(
      {
        strategy: strategy("fixed_delay"),
        attempts: shape.optionalOr(count(0, TIMES_MAX), 3),
        delayMs: shape.optionalOr(milliseconds(0), 1000),
      },
      "an object",
    ),
    exponential: shape.closed(
      {
        strategy: strategy("exponential"),
        initialMs: shape.optionalOr(milliseconds(1), 1000),
        maxMs: shape.optionalOr(milliseconds(1), 60_000),
        multiplier: shape.optionalOr(shape.numberBetween(1, 100), 2),
        resetAfterMs: shape.optionalOr(milliseconds(1), 3_600_000),
        attempts: v.exactOptional(count(0, TIMES_MAX)),
      },
      "an object",
    ),
    failure_rate: shape.closed(
      {
        strategy: strategy("failure_rate"),
        failures: shape.optionalOr(count(0, TIMES_MAX), 3),
        intervalMs: shape.optionalOr(milliseconds(1), 60_000),
        delayMs: shape.optionalOr(milliseconds(0), 1000),
      },
      "an object",
    ),
  },
  'an object such as {"strategy": "fixed_delay", "attempts": 3, "delayMs": 1000}',
  "strategy",
);

export const job = shape.closed(
  {
    millrace: shape.wholeNumber(1, 1, "1, the version of this format"),
    name: resourceName("the job's name"),
    parallelism: shape.optionalOr(count(1, MAX_PARALLELISM_LIMIT), 1),
    maxParallelism: shape.optionalOr(count(1, MAX_PARALLELISM_LIMIT), MAX_PARALLELISM_DEFAULT),
    checkpoint: shape.optionalOr(checkpoint, {}),
    restart: shape.optionalOr(restart, { strategy: "fixed_delay" }),
    operators: v.pipe(
      v.array(v.unknown(), "a list of operators"),
      v.check((all) => all.length >= 1 && all.length <= OPERATORS_MAX, `a list of 1 to ${OPERATORS_MAX} operators`),
    ),
  },
  "a job spec, an object",
);
