// The same sequences in workerd: a Worker that runs what it is asked for.

import kernels from "../../../build/kernels.wasm";
import { runSequences } from "../../twins/operator_sequences.ts";

export default {
  async fetch(request: Request): Promise<Response> {
    const { kind, first, count } = (await request.json()) as { kind: string; first: number; count: number };
    return Response.json(await runSequences(kernels, kind, first, count));
  },
};
