// Timers of process functions: when they fire, in what order, and what may set them.

import { keyGroupOfValues } from "../../src/keygroup/key_values.ts";
import { type Case, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";
import { LAST_WATERMARK } from "../twins/process_fixture.ts";
import { does, fixture, texts, timeless, timers, write } from "../twins/process_samples.ts";

export const cases: readonly Case[] = [
  test("timers fire in the order of time, key group and key, before the watermark is passed on", (context) => {
    const its = fixture(context, timers);
    const keys = ["a", "b", "c", "d", "\ue000", "\u{1f600}", ""];
    its.rows(keys.flatMap((key) => [30n, 20n, 25n].map((n) => [key, 1n, n])));
    equal(its.take(), [], "before the watermark");
    its.watermark(19n);
    equal([texts(its), its.takePassedOn()], [[], [19n]], "before the first time");
    its.watermark(25n);
    const byGroup = [...keys].sort((left, right) => keyGroupOfValues([left], 128) - keyGroupOfValues([right], 128));
    const fired = (time: bigint) => byGroup.map((key) => `event ${time} ${key} ${time} ${time}`);
    equal(texts(its), [...fired(20n), ...fired(25n)], "at the watermark");
    equal(its.takePassedOn(), [25n], "passed on");
    its.watermark(LAST_WATERMARK);
    equal(texts(its), fired(30n), "at the end of the input");
    equal(its.entryCount, 0, "timers left");
  }),

  test("keys of one key group fire in the order of their bytes", (context) => {
    const its = fixture(context, timers, { maxParallelism: 1 });
    const keys = ["\u{1f600}", "b", "\ue000", "a", "", "ab", '"'];
    its.rows(keys.map((key) => [key, 1n, 5n]));
    its.watermark(5n);
    const order = texts(its).map((text) => String(text).split(" ")[2]);
    equal(
      order,
      ["", '\\"', "a", "ab", "b", "\ue000", "\u{1f600}"].map((key) => (key === '\\"' ? '"' : key)),
      "keys",
    );
  }),

  test("setting a timer twice calls once, deleting it or one that is not there calls never", (context) => {
    const its = fixture(
      context,
      does(
        (row, call) => {
          for (const time of [10n, 10, 20n]) call.setEventTimer(time);
          call.deleteEventTimer(row.n);
          call.deleteEventTimer(row.n + 7n);
          call.deleteProcessingTimer(10n);
        },
        (timer, call) => write(call, timer.time),
      ),
    );
    its.rows([["a", 1n, 0n]]);
    its.rows([["a", 1n, 20n]]);
    its.watermark(LAST_WATERMARK);
    equal(texts(its), ["10"], "calls");
  }),

  test("a timer for a time that has been reached calls as soon as the call that set it is over", (context) => {
    const its = fixture(
      context,
      does(
        (row, call) => {
          call.setEventTimer(row.n);
          write(call, "row", row.at);
        },
        (timer, call) => write(call, "timer", timer.time, call.watermark),
      ),
    );
    its.watermark(50n);
    its.rows(
      [
        ["a", 60n, 40n],
        ["a", 61n, 55n],
        ["b", 62n, 50n],
      ],
      [51n, 52n, 53n],
    );
    equal(texts(its), ["row 60", "timer 40 51", "row 61", "row 62", "timer 50 53"], "calls");
    its.watermark(55n);
    equal(texts(its), ["timer 55 55"], "the one that was still ahead");
  }),

  test("a timer may set later timers, which fire in their turn up to the watermark", (context) => {
    const its = fixture(
      context,
      does(
        (_row, call) => call.setEventTimer(10n),
        (timer, call) => {
          write(call, call.key[0], timer.time);
          if (timer.time < 40n) call.setEventTimer(timer.time + 10n);
        },
      ),
      { maxParallelism: 1 },
    );
    its.rows([
      ["a", 1n, 0n],
      ["b", 1n, 0n],
    ]);
    its.watermark(25n);
    equal(texts(its), ["a 10", "b 10", "a 20", "b 20"], "up to the watermark");
    its.watermark(LAST_WATERMARK);
    equal(texts(its), ["a 30", "b 30", "a 40", "b 40"], "at the end");
  }),

  test("timers that never end are found out, at their own time and at the end of the input", async (context) => {
    const same = fixture(
      context,
      does(
        (_row, call) => call.setEventTimer(10n),
        (timer, call) => call.setEventTimer(timer.time),
      ),
    );
    same.rows([["a", 1n, 0n]]);
    const error = await rejects(() => same.watermark(10n), "process_timer_invalid");
    equal(error.where, "operator under test, function mine", "where");
    ok(error.message.includes('in onTimer, key ["a"], the event-time timer of 10'), error.message);
    const endless = fixture(
      context,
      does(
        (_row, call) => call.setEventTimer(10n),
        (timer, call) => call.setEventTimer(timer.time + 1n),
      ),
    );
    endless.rows([["a", 1n, 0n]]);
    endless.watermark(1000n);
    await rejects(() => endless.watermark(LAST_WATERMARK), "process_timers_endless");
  }),

  test("a function is told in timers that the input has ended", (context) => {
    const its = fixture(
      context,
      does(
        (_row, call) => call.setEventTimer(10n),
        (timer, call) => {
          write(call, timer.time, call.inputEnded);
          if (!call.inputEnded) call.setEventTimer(timer.time + 10n);
        },
      ),
    );
    its.rows([["a", 1n, 0n]]);
    its.watermark(15n);
    its.watermark(LAST_WATERMARK);
    equal(texts(its), ["10 false", "20 true"], "calls");
  }),

  test("processing-time timers fire when it is their time of day, and say when that is", (context) => {
    let nowMs = 100;
    const its = fixture(
      context,
      does(
        (row, call) => call.setProcessingTimer(call.processingTime + row.n),
        (timer, call) => write(call, timer.kind, timer.time, call.key[0], call.timestamp),
      ),
      { inputs: [timeless], maxParallelism: 1, nowMs: () => nowMs },
    );
    equal(its.operator.wakeAtMs, undefined, "wake-up without timers");
    its.rows([
      ["b", 0n, 20n],
      ["a", 0n, 20n],
      ["a", 0n, 5n],
    ]);
    equal(its.operator.wakeAtMs, 105, "wake-up");
    nowMs = 119;
    its.operator.onTime(nowMs);
    equal([texts(its), its.operator.wakeAtMs], [["processing 105 a 105"], 120], "the first");
    its.watermark(LAST_WATERMARK);
    equal(texts(its), [], "the end of the input is no time of day");
    nowMs = 130;
    its.operator.onTime(nowMs);
    equal(
      [texts(its), its.operator.wakeAtMs],
      [["processing 120 a 120", "processing 120 b 120"], undefined],
      "the rest",
    );
  }),
];
