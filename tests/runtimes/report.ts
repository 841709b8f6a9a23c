// What a test process tells the one that started it: one line of JSON per event, behind a marker that no
// ordinary output begins with. Runtimes count and print tests differently; these lines are the same everywhere.

export type ReportEvent =
  | { readonly kind: "start"; readonly name: string }
  | { readonly kind: "pass"; readonly name: string; readonly ms: number }
  | { readonly kind: "fail"; readonly name: string; readonly ms: number; readonly error: string }
  /** The last line; without it the process ended before its work did. */
  | { readonly kind: "end"; readonly runtime: string };

const MARKER = "@test ";

export const encodeEvent = (event: ReportEvent): string => MARKER + JSON.stringify(event);

/** The event in a line of output, or undefined where the line is ordinary output. */
export function decodeEvent(line: string): ReportEvent | undefined {
  return line.startsWith(MARKER) ? (JSON.parse(line.slice(MARKER.length)) as ReportEvent) : undefined;
}

export function describeError(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const facts = thrown as Error & { code?: unknown; where?: unknown };
  const code = facts.code === undefined ? "" : ` [${String(facts.code)} at ${String(facts.where ?? "")}]`;
  // Frames of the runner itself are the same in every report.
  const stack = (thrown.stack ?? "").replace(/^.*\/tests\/runtimes\/(run_case|local_main)\.ts.*\n?/gm, "").trimEnd();
  const text = stack.includes(thrown.message) ? stack : `${thrown.name}: ${thrown.message}\n${stack}`;
  const cause = thrown.cause === undefined ? "" : `\ncaused by ${describeError(thrown.cause)}`;
  return `${text}${code}${cause}`;
}
