// Seeds that have shown a bug once; they are run for ever, whatever else is. A seed stands for its history only as long
// as nothing changes what is drawn from it: the planted bugs keep the bugs themselves from coming back.

export interface Regression {
  readonly seed: number;
  readonly what: string;
}

export const regressions: readonly Regression[] = [
  {
    seed: 22,
    what: "parts of a finished job were collected before its end was recorded, and the next leader needed them",
  },
  { seed: 69, what: "a job went on after a stop whose savepoint was complete, since its end was not recorded" },
  { seed: 77, what: "the same, with workers" },
  {
    seed: 1800,
    what: "a status that was overtaken by a newer claim of its own runner kept the end from being recorded",
  },
  {
    seed: 36_669,
    what: "a late leader's store was not fenced as a coordinator's is, and the job that it took was nobody's",
  },
  {
    seed: 78_570,
    what: "a savepoint was gone on from that could be seen and was not synced, and the power failed",
  },
];
