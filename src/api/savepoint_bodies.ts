// What requests about savepoints say in their bodies: Flink's fields, with the values that are served here, and ours.

import type { Context } from "hono";
import { userError } from "../base/errors.ts";
import type { SavepointChange, SavepointRequest } from "./gateway.ts";
import { readJson } from "./json_body.ts";

const BODY_BYTES_MAX = 16 * 1024;
const NAME_LENGTH_MAX = 100;
const NOTES_LENGTH_MAX = 2000;

interface Field {
  readonly expected: string;
  readonly is: (value: unknown) => boolean;
}

const orNull = ({ expected, is }: Field): Field => ({
  expected: `${expected} or null`,
  is: (value) => value === null || is(value),
});
const nothing: Field = {
  expected: "null: a savepoint is kept by the deployment and downloaded from it",
  is: (value) => value === null,
};
const flag: Field = { expected: "true or false", is: (value) => typeof value === "boolean" };
const text = (lengthMax: number): Field => ({
  expected: `text of 1 to ${lengthMax} characters`,
  is: (value) => typeof value === "string" && value.trim() !== "" && value.length <= lengthMax,
});
const id: Field = {
  expected: "32 hexadecimal digits in small letters",
  is: (value) => typeof value === "string" && /^[0-9a-f]{32}$/.test(value),
};

type Fields = Readonly<Record<string, Field>>;

const LABEL: Fields = { name: orNull(text(NAME_LENGTH_MAX)), notes: orNull(text(NOTES_LENGTH_MAX)), archive: flag };
const ASKED: Fields = {
  ...LABEL,
  triggerId: orNull(id),
  formatType: orNull({
    expected: "CANONICAL or NATIVE",
    is: (value) => value === "CANONICAL" || value === "NATIVE",
  }),
};
const TRIGGER: Fields = { ...ASKED, "target-directory": nothing, "cancel-job": orNull(flag) };
const STOP: Fields = { ...ASKED, targetDirectory: nothing, drain: orNull(flag) };

type Body = Readonly<Record<string, unknown>>;

async function bodyOf(c: Context, fields: Fields): Promise<Body> {
  const body = (await readJson(c, BODY_BYTES_MAX)) ?? {};
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw userError("body_invalid", "request body", "the body is no object; {} would be right");
  }
  for (const [name, value] of Object.entries(body)) {
    const shown = JSON.stringify(name.slice(0, 64));
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined) {
      const known = Object.keys(fields).join(", ");
      throw userError("body_invalid", "request body", `there is no field ${shown}; known are ${known}`);
    }
    if (!field.is(value)) throw userError("body_invalid", "request body", `${shown} is to be ${field.expected}`);
  }
  return body as Body;
}

function labelOf({ name, notes, archive }: Body): SavepointChange {
  return {
    ...(name === undefined ? {} : { name: name as string | null }),
    ...(notes === undefined ? {} : { notes: notes as string | null }),
    ...(archive === undefined ? {} : { archive: archive as boolean }),
  };
}

const requestOf = (body: Body): SavepointRequest => ({
  ...labelOf(body),
  ...(typeof body["triggerId"] === "string" ? { id: body["triggerId"] } : {}),
});

export async function triggerBody(
  c: Context,
): Promise<{ readonly stops: boolean; readonly request: SavepointRequest }> {
  const body = await bodyOf(c, TRIGGER);
  return { stops: body["cancel-job"] === true, request: requestOf(body) };
}

export async function stopBody(c: Context): Promise<{ readonly drain: boolean; readonly request: SavepointRequest }> {
  const body = await bodyOf(c, STOP);
  return { drain: body["drain"] === true, request: requestOf(body) };
}

export const labelBody = async (c: Context): Promise<SavepointChange> => labelOf(await bodyOf(c, LABEL));

export async function disposalBody(c: Context): Promise<string> {
  const body = await bodyOf(c, { "savepoint-path": text(64) });
  const path = body["savepoint-path"];
  if (typeof path === "string") return path;
  throw userError("body_invalid", "request body", '"savepoint-path" is missing; the id of a savepoint would be right');
}
