// The secret that every process of a deployment knows, and what is made of it.

import { createHmac } from "node:crypto";
import { readSecret, readSecretIfAny } from "../secrets.ts";

export const CLUSTER_SECRET_DEFAULT = "env:MILLRACE_CLUSTER_SECRET";
const TOKEN_DEFAULT = "env:MILLRACE_TOKEN";

export const clusterSecret = (reference: string | undefined): string => readSecret(reference ?? CLUSTER_SECRET_DEFAULT);

/** All coordinators take the same token: the one of the environment, else one that follows from the secret. */
export const restToken = (secret: string): string =>
  readSecretIfAny(TOKEN_DEFAULT) ??
  createHmac("sha256", secret).update("millrace rest token").digest("hex").slice(0, 48);
