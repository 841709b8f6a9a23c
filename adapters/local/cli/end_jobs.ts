// Ends every running job with a savepoint, over REST: what a deployment does when it is asked to go away for good.

interface Api {
  readonly url: string;
  readonly token: string;
}

const LOOK_MS = 200;
const WAIT_MS = 20 * 60_000;

async function call(api: Api, method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
  const answer = await fetch(`${api.url}${path}`, {
    method,
    headers: { Authorization: `Bearer ${api.token}`, "Content-Type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path} was answered ${answer.status}: ${text.slice(0, 300)}`);
  return JSON.parse(text) as Record<string, unknown>;
}

/** Resolves when each has ended, or has said why it could not. */
export async function endJobs(api: Api, tell: (line: string) => void): Promise<void> {
  const { jobs } = (await call(api, "GET", "/v1/jobs")) as { readonly jobs: { id: string; status: string }[] };
  const running = jobs.filter(({ status }) => status === "RUNNING");
  await Promise.all(running.map(({ id }) => endJob(api, id, tell)));
}

async function endJob(api: Api, job: string, tell: (line: string) => void): Promise<void> {
  const asked = await call(api, "POST", `/v1/jobs/${job}/stop`, { drain: false });
  const trigger = String(asked["request-id"]);
  for (let waitedMs = 0; waitedMs < WAIT_MS; waitedMs += LOOK_MS) {
    const { status, operation } = (await call(api, "GET", `/v1/jobs/${job}/savepoints/${trigger}`)) as {
      readonly status: { readonly id: string };
      readonly operation?: unknown;
    };
    if (status.id === "COMPLETED") {
      tell(`job ${job} has ended: ${JSON.stringify(operation)}`);
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  tell(`job ${job} did not end within ${WAIT_MS} ms`);
}
