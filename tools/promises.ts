// What Millrace promises, as data: docs/PROMISES.md is written from this list and from the recorded figures.
// Each promise has a proof, tests/proofs/<id with _>.ts, run by `npm run prove -- <id>`.

export interface Promised {
  readonly id: string;
  readonly promise: string;
  /** What the proof must reach, in words; the proof itself decides. */
  readonly bar: string;
  /** What no test on a developer's machine can show. Empty where there is no such thing. */
  readonly onlyProduction: string;
}

const NOTHING = "";

export const promises: readonly Promised[] = [
  {
    id: "1.1",
    promise:
      "On a fresh machine `npm ci && npm start` runs the flights job and `npm ci && npm test` passes; Node, Deno and Bun commit the same output, and the closing line names the runtime found in the process.",
    bar: "`FINISHED` within 90 s of `npm ci && npm start` with an empty environment, within 15 s on a later start with an empty `.millrace/`; identical committed output on the three runtimes",
    onlyProduction: NOTHING,
  },
  {
    id: "1.2",
    promise: "The flights table and the side output of late rows are exact, whatever the batch size.",
    bar: "equal to an independent DuckDB computation row by row, with batches of 1, 7 and 4,096 rows",
    onlyProduction: NOTHING,
  },
  {
    id: "1.3",
    promise: "Killing the process at any instant loses nothing and doubles nothing.",
    bar: "200 `kill -9` on Node, at least 30 each while reading, gathering, uploading, publishing and committing; 100 process kills and 100 aborts of the Durable Object; output exact after each, in libSQL and in files",
    onlyProduction: "eviction, deployment and host moves of real Durable Objects; loss of power",
  },
  {
    id: "1.4",
    promise: "Nothing is acknowledged before it is durable.",
    bar: "an fsync precedes every acknowledgement and manifest, counted outside the process; `synchronous=NORMAL` fails the proof",
    onlyProduction: "whether the disk keeps what fsync promised; the output gate of real Durable Objects",
  },
  {
    id: "1.5",
    promise: "Keyed tumbling aggregation is fast, with checkpoints on.",
    bar: "20 M rows on one core through the task, three checkpoints or more in each run: 3x DuckDB (in memory, one thread) at 100 and 10 k keys, 2x at 1 M; 10x objects and `Map`; 2x a typed-array table in TypeScript; every row counted through WASM",
    onlyProduction: "CPU time on Workers, whose clocks stand still while code runs",
  },
  {
    id: "1.6",
    promise: "NDJSON is scanned fast, and exactly as `JSON.parse` would.",
    bar: "4x `JSON.parse` per line to columns, validation on; 1 M differential fuzz cases without a difference (fields are parsed one by one for it, because the `JSON.parse` of Node 26 and Deno 2.9 may take an escaped key for another one that it saw before)",
    onlyProduction: NOTHING,
  },
  {
    id: "1.7",
    promise: "A checkpoint costs what has changed, not what there is.",
    bar: "1 M keys, 1 % touched: a delta of at most 2 % of the state, at most 5 ms of it synchronous; one checkpoint a second costs at most 3 % of process CPU time (15 alternated pairs)",
    onlyProduction: NOTHING,
  },
  {
    id: "1.8",
    promise: "The one-task cluster is correct under every simulated fault.",
    bar: "1,000 seeds without a violation, five planted bugs caught, the same trace hash on Node, Deno and Bun",
    onlyProduction: NOTHING,
  },
  {
    id: "1.9",
    promise: "A savepoint moves between runtimes.",
    bar: "taken on Node, restored in workerd and in Bun: output equal to the uninterrupted run",
    onlyProduction: "the same restore on a deployed Worker",
  },
  {
    id: "1.10",
    promise: "What goes wrong outside is named clearly, and nothing is lost by it.",
    bar: "malformed rows, unreadable file, full disk, corrupted part, truncated savepoint, second process on one store, wrong spec, port taken, wrong token: each names what and where, as recorded in snapshots",
    onlyProduction: NOTHING,
  },
  {
    id: "2.1",
    promise: "A simulated cluster commits what an undisturbed run commits, whatever happens to it.",
    bar: "100,000 seeds of at least 3 tasks, 2 coordinators, 2 sources, 1,000 rows and 3 checkpoints: no row lost, doubled or wrong, and an end within 30 simulated seconds after the last fault",
    onlyProduction: "disks that lie about a sync",
  },
  {
    id: "2.2",
    promise: "The simulation sees bugs: such as other systems had, planted in Millrace.",
    bar: "40 of 40 planted bugs are caught by the output alone, each within 5,000 seeds",
    onlyProduction: NOTHING,
  },
  {
    id: "2.3",
    promise: "One seed is one history on every runtime.",
    bar: "1,000 seeds give the same trace hash on Node, Deno, Bun and workerd",
    onlyProduction: NOTHING,
  },
  {
    id: "2.4",
    promise: "Whatever process dies, the job goes on within seconds, and its output is exact.",
    bar: "200 `kill -9` of workers and 100 of the leader (three coordinators, real processes, a libSQL server, state in a shared directory; a checkpoint every 500 ms, a lease of 1 s, 100 MB of keyed state): no row lost, doubled or wrong; from the kill to the first output of a checkpoint that came after it, 99 of 100 within 2 s for workers and 4 s for the leader",
    onlyProduction: "hosts that are lost with their disks; networks that lose packets",
  },
  {
    id: "2.5",
    promise: "A process that stood still and goes on as if nothing had happened changes nothing.",
    bar: "100 processes stopped for three leases and continued, half of them leaders: each stopped by its own expired lease or refused by the store, each with a line in its log, no row lost, doubled or wrong",
    onlyProduction: "virtual machines that are moved while they run",
  },
  {
    id: "2.6",
    promise:
      "A job over two tasks a chain uses two cores nearly as well as two jobs do, and rows pass between tasks fast.",
    bar: "windowed flights from NDJSON in 8 splits at parallelism 2 on two cores: at least 0.85 of what two independent copies of the job reach together, equal to DuckDB; 50 M rows/s of three columns from task to task",
    onlyProduction: NOTHING,
  },
  {
    id: "2.7",
    promise: "A sink that cannot keep up slows its source down, and nothing else.",
    bar: "a source that always has more and a sink of ten batches of 4,096 rows a minute, for 10 minutes: resident memory grows at most 10 %, checkpoints keep completing",
    onlyProduction: "the memory of an isolate that several Durable Objects share",
  },
  {
    id: "2.8",
    promise: "Every operator's output depends on the data alone: not on parallelism, batches, failures or runtime.",
    bar: "all golden jobs at parallelism 1, 2 and 7, killed and undisturbed, with batches of 1, 7 and 4,096 rows: equal output; 10,000 random sequences an operator against brute-force models without a difference on Node, a tenth of them on Deno, Bun and workerd",
    onlyProduction: NOTHING,
  },
];
