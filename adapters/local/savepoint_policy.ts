// What a deployment was told of savepoints.

import type { SavepointPolicy } from "../../src/engine/savepoint_upkeep.ts";
import { openBlobs } from "./blobs/open_blobs.ts";
import type { DeploymentOptions } from "./deployment.ts";

type Told = Pick<DeploymentOptions, "archive" | "savepointsRetained">;

/** Opens the archive, if there is one. */
export const savepointPolicy = async ({ archive, savepointsRetained: retained }: Told): Promise<SavepointPolicy> => ({
  ...(archive === undefined ? {} : { archive: await openBlobs(archive) }),
  ...(retained === undefined ? {} : { retained }),
});
