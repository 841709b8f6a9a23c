// What a test asks of a deployment over REST, for as long as it takes: whoever serves it may be gone for a while.

interface JobFacts {
  readonly state: string;
  readonly vertices: readonly { readonly parallelism: number }[];
  readonly millrace: { readonly "restarts-total": number };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class DeploymentClient {
  /** The first one is asked. */
  urls: readonly string[];
  token: string;
  readonly waitMs: number = 60_000;

  constructor(urls: readonly string[], token = "") {
    this.urls = urls;
    this.token = token;
  }

  /** For messages: what the processes have said. */
  protected noise(): string {
    return "";
  }

  async until<T>(what: string, ask: () => Promise<T | undefined | false>): Promise<T> {
    const limit = Date.now() + this.waitMs;
    for (;;) {
      const answer = await ask().catch(() => undefined); // the server may be gone for a while
      if (answer !== undefined && answer !== false) return answer;
      if (Date.now() > limit) throw new Error(`${what}: not within ${this.waitMs} ms\n${this.noise()}`);
      await pause(50);
    }
  }

  async call(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
    return JSON.parse(await this.text(method, path, body)) as Record<string, unknown>;
  }

  async text(method: string, path: string, body?: unknown): Promise<string> {
    const answer = await fetch(`${this.urls[0]}${path}`, {
      method,
      headers: { Authorization: `Bearer ${this.token}`, "Content-Type": "application/json" },
      signal: AbortSignal.timeout(5_000),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text;
  }

  async submit(spec: object): Promise<string> {
    return String((await this.call("POST", "/v1/jobs", spec))["jobid"]);
  }

  /** Waits until the process that leads now has seen so many checkpoints complete. */
  async checkpoints(id: string, count: number): Promise<void> {
    await this.until(`${count} checkpoints`, async () => {
      const { counts } = (await this.call("GET", `/v1/jobs/${id}/checkpoints`)) as { counts: { completed: number } };
      return counts.completed >= count;
    });
  }

  async facts(id: string): Promise<JobFacts> {
    return (await this.call("GET", `/v1/jobs/${id}`)) as unknown as JobFacts;
  }

  async ended(id: string): Promise<string> {
    return await this.until("the job's end", async () => {
      const { state } = await this.facts(id);
      return ["FINISHED", "FAILED", "CANCELED"].includes(state) ? state : undefined;
    });
  }

  async restarts(id: string): Promise<number> {
    return (await this.facts(id)).millrace["restarts-total"];
  }

  /** Waits until the job runs with so many tasks in each chain. */
  async runsAt(id: string, parallelism: number): Promise<void> {
    await this.until(`job ${id} runs with ${parallelism} tasks a chain`, async () => {
      const { state, vertices } = await this.facts(id);
      return state === "RUNNING" && vertices.every((one) => one.parallelism === parallelism);
    });
  }
}
