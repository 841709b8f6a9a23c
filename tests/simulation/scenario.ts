// What the user of a simulated job does: submits it, asks for savepoints, stops it and starts it again from the
// savepoint at another parallelism. He knows what the stores hold, as a user of the API does, and nothing else.

import { decodeCbor } from "../../src/base/cbor.ts";
import { jobKey, savepointKey } from "../../src/checkpoint/paths.ts";
import { asJobId } from "../../src/base/ids.ts";
import type { Cluster } from "./cluster.ts";
import { drawScale, type JobSettings, type Scale, type Shape, specOf } from "./shapes.ts";
import type { SimInput } from "./sim_data.ts";
import { count } from "./sim_platform.ts";
import type { SimProcess } from "./world.ts";

const LOOK_EVERY_MS = 10;
/** A stop whose savepoint is not decided so long after the job has ended never is. */
const UNDECIDED_MS = 3_000;

export class Scenario {
  readonly #cluster: Cluster;
  readonly #shape: Shape;
  readonly #input: SimInput;
  readonly #settings: JobSettings;
  readonly #firstScale: Scale;
  #job = 1;
  #scale: Scale;
  #submitting: SimProcess | undefined;
  #stops: string[] = [];
  #from: string | undefined;
  #finishedAtMs: number | undefined;
  /** What was decoded last of a record: most are looked at far more often than they change. */
  readonly #seen = new Map<string, { bytes: Uint8Array; record: Readonly<Record<string, unknown>> }>();
  rescales = 0;
  done = false;

  constructor(cluster: Cluster, shape: Shape, input: SimInput, scale: Scale, settings: JobSettings) {
    this.#cluster = cluster;
    this.#shape = shape;
    this.#input = input;
    this.#settings = settings;
    this.#firstScale = scale;
    this.#scale = scale;
  }

  /** @param begun called once, when the first job exists. */
  start(begun: () => void): void {
    this.#look(begun);
  }

  get #jobId(): string {
    return this.#job.toString(16).padStart(32, "0");
  }

  #record(key: string): Readonly<Record<string, unknown>> | undefined {
    const bytes = this.#cluster.host.disk.records.get(key);
    if (bytes === undefined) return undefined;
    const known = this.#seen.get(key);
    if (known?.bytes === bytes) return known.record;
    const record = decodeCbor(bytes, key) as Readonly<Record<string, unknown>>;
    this.#seen.set(key, { bytes, record });
    return record;
  }

  #look(begun: () => void): void {
    const { world } = this.#cluster.host;
    const record = this.#record(jobKey(asJobId(this.#jobId)));
    let next = begun;
    if (record === undefined) this.#submit();
    else {
      if (this.#submitting === undefined) {
        begun();
        next = () => undefined;
      }
      this.#follow(record["status"]);
    }
    if (!this.done) world.schedule(LOOK_EVERY_MS, undefined, () => this.#look(next));
  }

  #submit(): void {
    const { leader, host } = this.#cluster;
    if (leader === undefined || this.#submitting?.alive === true) return;
    this.#submitting = leader.process;
    host.calm = true;
    const over = (what: string): void => {
      host.world.note(`job ${this.#job} ${what}`);
      this.#submitting = undefined;
      host.calm = false;
    };
    const from = this.#from === undefined ? {} : { savepoint: this.#from };
    const spec = specOf(this.#shape, this.#input, this.#scale, this.#settings);
    leader.engine.submit(spec, { ...from, jobId: this.#jobId }).then(
      () => over(`submitted, ${this.#scale.parallelism} subtasks`),
      (error: unknown) => over(`not submitted: ${String(error)}`),
    );
  }

  #follow(status: unknown): void {
    const { world } = this.#cluster.host;
    if (status === "FAILED" || status === "CANCELED") this.#cluster.failure ??= `the job is ${String(status)}`;
    const records = this.#stops.map((one) => this.#record(savepointKey(one)));
    // A complete savepoint of a stop says that the job is over: he does not look whether it is.
    const complete = records.findIndex((one) => one?.["status"] === "COMPLETED");
    if (complete >= 0) {
      // Whoever could tell him has made a commit of its own first, which is synced and everything before it with it.
      if (this.#cluster.host.disk.isSynced) this.#goOn(this.#stops[complete] as string);
      return;
    }
    if (status !== "FINISHED") return;
    this.#finishedAtMs ??= world.nowMs;
    const open = records.some((one) => one?.["status"] === "IN_PROGRESS");
    const undecided = open && world.nowMs - this.#finishedAtMs < UNDECIDED_MS;
    if (!undecided) this.done = true;
  }

  #goOn(savepoint: string): void {
    const { world } = this.#cluster.host;
    this.rescales++;
    this.#job++;
    this.#stops = [];
    this.#from = savepoint;
    this.#finishedAtMs = undefined;
    this.#scale = this.rescales > 2 ? this.#firstScale : drawScale(world.prng);
    world.note(`the job goes on from savepoint ${savepoint}`);
  }

  /** Starts what the plan of faults has for the job. */
  unleash(): void {
    const cluster = this.#cluster;
    const { world } = cluster.host;
    const ask = (kind: "savepoint" | "stop_and_rescale"): void => {
      const { leader } = cluster;
      if (leader === undefined || this.done) return;
      const jobId = this.#jobId;
      if (!leader.engine.list().some((job) => job.record.jobId === jobId && job.status === "RUNNING")) return;
      count(cluster.host, kind, leader.process);
      const asked = kind === "savepoint" ? leader.engine.triggerSavepoint(jobId) : leader.engine.stop(jobId, false);
      asked.then(
        ({ savepoint }) => {
          world.note(`${kind} ${savepoint} asked`);
          if (kind === "stop_and_rescale" && jobId === this.#jobId) this.#stops.push(savepoint);
        },
        (error: unknown) => world.note(`${kind} not asked: ${String(error)}`),
      );
    };
    cluster.every("savepoint", () => ask("savepoint"));
    cluster.every("stop_and_rescale", () => ask("stop_and_rescale"));
  }
}
