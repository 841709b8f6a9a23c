// What becomes of each part of a savepoint in a job that starts from it, decided before anything is stored.
//
// Invariant: a check shows this plan, and a start carries out this plan: there is no second opinion of what fits.

import { asOperatorUid } from "../base/ids.ts";
import { userError } from "../base/errors.ts";
import { equalSchemas, type Schema } from "../batch/schema.ts";
import type { Savepoint, SavepointState } from "../checkpoint/savepoint.ts";
import { isKeyed, type JobPlan } from "../graph/plan.ts";
import type { Platform } from "../platform/platform.ts";
import { PROCESS_STATES, storedStates } from "../state/process_states.ts";
import { statesOf, stateSchemaOf } from "../task/restore.ts";

/** `dropped`: the job has no place for it and may leave it behind; `empty`: the savepoint has nothing for it. */
export type Fate = "restored" | "dropped" | "empty" | "refused";

export interface RestoreFate {
  readonly part: "job" | "source" | "state";
  /** Of the operator; empty for the job as a whole. */
  readonly uid: string;
  /** The name of the operator's table; null for what has none. */
  readonly state: string | null;
  readonly fate: Fate;
  /** Why it is not restored. */
  readonly reason: string | null;
}

export interface RestorePlan {
  readonly fates: readonly RestoreFate[];
  /** What of the savepoint the job goes on with. */
  readonly restored: Savepoint;
}

const NOTHING = "the savepoint has nothing of it";

/** @param mayDrop state of operators, sources and tables that the job does not have any more may be left behind */
export function planRestore(platform: Platform, plan: JobPlan, savepoint: Savepoint, mayDrop: boolean): RestorePlan {
  const nowhere = mayDrop ? "dropped" : "refused";
  const fates: RestoreFate[] = [...ofJob(plan, savepoint)];
  const sources = plan.nodes.filter((node) => node.kind === "source").map((node) => node.uid as string);
  for (const { uid } of savepoint.sources) {
    const known = sources.includes(uid);
    const reason = known ? null : `the job has no source "${uid}"${listed(sources)}`;
    fates.push({ part: "source", uid, state: null, fate: known ? "restored" : nowhere, reason });
  }
  for (const uid of sources) {
    if (savepoint.sources.some((one) => one.uid === uid)) continue;
    const reason = "the savepoint does not know it: it is read from its beginning";
    fates.push({ part: "source", uid, state: null, fate: "empty", reason });
  }
  const states = savepoint.states.map((state) => ({ state, fate: fateOfState(platform, plan, state, nowhere) }));
  for (const { state, fate } of states) fates.push(fate, ...namedStates(plan, state, nowhere));
  fates.push(...newStates(platform, plan, savepoint));
  return {
    fates,
    restored: {
      header: savepoint.header,
      sources: savepoint.sources.filter(({ uid }) => sources.includes(uid)),
      states: states.filter((one) => one.fate.fate === "restored").map((one) => one.state),
    },
  };
}

/** Throws `savepoint_mismatch` where anything is refused. */
export function demandStartable({ fates }: RestorePlan, where: string): void {
  const refused = fates.filter((one) => one.fate === "refused");
  const [first] = refused;
  if (first === undefined) return;
  const more = refused.length === 1 ? "" : `; and ${refused.length - 1} more, which a check lists`;
  throw userError("savepoint_mismatch", where, `${first.reason}${more}`);
}

function* ofJob(plan: JobPlan, { header: { maxParallelism } }: Savepoint): Generator<RestoreFate> {
  if (maxParallelism === plan.maxParallelism) return;
  const reason = `the savepoint has maxParallelism ${maxParallelism}, the job ${plan.maxParallelism}; it is fixed for the life of the state`;
  yield { part: "job", uid: "", state: null, fate: "refused", reason };
}

const listed = (has: readonly string[]): string =>
  has.length === 0 ? "" : `; it has ${has.map((one) => `"${one}"`).join(", ")}`;

const fateOf =
  (uid: string, state: string) =>
  (fate: Fate, reason: string | null): RestoreFate => ({ part: "state", uid, state, fate, reason });

function fateOfState(
  platform: Platform,
  plan: JobPlan,
  { uid, state, schema }: SavepointState,
  nowhere: "dropped" | "refused",
): RestoreFate {
  const keyed = plan.nodes.filter(isKeyed).map((node) => node.uid as string);
  const fate = fateOf(uid, state);
  if (!keyed.includes(uid)) return fate(nowhere, `the job has no operator "${uid}" with state${listed(keyed)}`);
  const names = statesOf(platform, plan, asOperatorUid(uid));
  if (!names.includes(state)) return fate(nowhere, `operator "${uid}" has no state "${state}"${listed(names)}`);
  const wanted = stateSchemaOf(platform, plan, { uid: asOperatorUid(uid), state });
  if (equalSchemas(wanted, schema)) return fate("restored", null);
  const reason = `the state "${state}" of operator "${uid}" has the columns (${columns(schema)}), the job keeps (${columns(wanted)})`;
  return fate("refused", reason);
}

/** The states that a process function declares are rows of one table. */
function* namedStates(
  plan: JobPlan,
  { uid, state: table, scalars }: SavepointState,
  nowhere: "dropped" | "refused",
): Generator<RestoreFate> {
  const node = plan.nodes.find((one) => one.uid === uid);
  if (node?.kind !== "process" || table !== PROCESS_STATES) return;
  const declared = new Map(Object.entries(node.states).map(([name, { kind }]) => [name, kind]));
  for (const [state, kind] of storedStates(scalars)) {
    const wanted = declared.get(state);
    declared.delete(state);
    const fate = fateOf(uid, state);
    if (wanted === undefined) yield fate(nowhere, `function "${node.functionName}" declares no state "${state}"`);
    else if (wanted === kind) yield fate("restored", null);
    else
      yield fate(
        "refused",
        `the state "${state}" of operator "${uid}" is ${kind} state, the job declares ${wanted} state`,
      );
  }
  for (const state of declared.keys()) yield fateOf(uid, state)("empty", NOTHING);
}

const columns = (schema: Schema): string =>
  schema.map((one) => `${one.name} ${one.type}${one.nullable ? "?" : ""}`).join(", ");

function* newStates(platform: Platform, plan: JobPlan, savepoint: Savepoint): Generator<RestoreFate> {
  for (const { uid } of plan.nodes.filter(isKeyed)) {
    for (const state of statesOf(platform, plan, uid)) {
      if (savepoint.states.some((one) => one.uid === uid && one.state === state)) continue;
      yield fateOf(uid, state)("empty", NOTHING);
    }
  }
}
