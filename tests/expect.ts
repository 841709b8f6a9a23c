// The assertions of the shared cases; they work wherever JavaScript does.

export class ExpectationError extends Error {
  override name = "ExpectationError";
}

const show = (value: unknown): string =>
  JSON.stringify(value, (_key, one) =>
    typeof one === "bigint" ? `${one}n` : ArrayBuffer.isView(one) ? Array.from(one as Uint8Array, String) : one,
  ) ?? String(value);

export function ok(condition: unknown, what: string): asserts condition {
  if (!condition) throw new ExpectationError(what);
}

/** Deep equality by value: numbers by Object.is, typed arrays by content. */
export function equal(found: unknown, wanted: unknown, what = "value"): void {
  if (!same(found, wanted)) throw new ExpectationError(`${what}: found ${show(found)}, wanted ${show(wanted)}`);
}

export async function rejects(run: () => unknown, code: string, what = "call"): Promise<Error & { where?: string }> {
  try {
    await run();
  } catch (error) {
    if ((error as { code?: string }).code === code) return error as Error;
    throw new ExpectationError(`${what}: wanted error ${code}, found ${String(error)}`);
  }
  throw new ExpectationError(`${what}: wanted error ${code}, but it succeeded`);
}

function same(left: unknown, right: unknown): boolean {
  if (Object.is(left, right)) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  if (ArrayBuffer.isView(left) || Array.isArray(left)) {
    const a = left as unknown as ArrayLike<unknown>;
    const b = right as unknown as ArrayLike<unknown>;
    if (a.length !== b.length || Array.isArray(left) !== Array.isArray(right)) return false;
    for (let index = 0; index < a.length; index++) if (!same(a[index], b[index])) return false;
    return true;
  }
  const a = left as Record<string, unknown>;
  const b = right as Record<string, unknown>;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => key in b && same(a[key], b[key]));
}
