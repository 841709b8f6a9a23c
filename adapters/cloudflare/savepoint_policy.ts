// What an environment says of savepoints.

import { userError } from "../../src/base/errors.ts";
import type { SavepointPolicy } from "../../src/engine/savepoint_upkeep.ts";
import type { Env } from "./objects.ts";
import { R2Blobs } from "./r2_blobs.ts";

const VARIABLE = "MILLRACE_SAVEPOINTS_RETAINED";

/** Throws `configuration_invalid` where the variable is no count. */
export function savepointPolicy(env: Env): SavepointPolicy {
  const { ARCHIVE: bucket, [VARIABLE]: text } = env;
  const archive = bucket === undefined ? {} : { archive: new R2Blobs(bucket) };
  if (text === undefined || text === "") return archive;
  if (/^[1-9][0-9]{0,5}$/.test(text)) return { ...archive, retained: Number(text) };
  const message = `it is ${JSON.stringify(text.slice(0, 40))}; a whole number from 1 to 999999 would be right`;
  throw userError("configuration_invalid", `variable ${VARIABLE}`, message);
}
