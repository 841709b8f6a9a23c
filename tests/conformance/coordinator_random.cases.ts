// Random histories of a job: whatever the world does, the coordinator asks for nothing wrong, and comes to an end.

import { runCoordinatorWorld } from "../twins/coordinator_world.ts";
import { type Case, test } from "../case.ts";
import { equal } from "../expect.ts";

export const cases: readonly Case[] = [
  test("in no history is a checkpoint committed before it is durable, or a task deployed twice, or a question left open", () => {
    const wrong: string[] = [];
    for (let seed = 1; seed <= 300; seed++) {
      const found = runCoordinatorWorld(seed);
      if (found !== undefined) wrong.push(found);
    }
    equal(wrong.slice(0, 3), []);
  }),
];
