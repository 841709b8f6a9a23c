// Reads a request body, counting while it arrives, so that no more than the limit is ever held.

import { type Bytes, concatBytes } from "../base/bytes.ts";
import { type MillraceError, userError } from "../base/errors.ts";

/** The parts of the web's Request that are needed. */
export interface BodyRequest {
  readonly headers: { get(name: string): string | null };
  readonly body: ByteStream | null;
}
interface ByteStream {
  getReader(): ByteReader;
}
interface ByteReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

/** How much of a body that is too large is thrown away politely, so that the client reads the answer. */
const DISCARD_BYTES_MAX = 16 * 1024 * 1024;

/** The whole body. Refuses with `body_too_large` or `encoding_unsupported`. */
export async function readBody(request: BodyRequest, bytesMax: number, where: string): Promise<Bytes> {
  const encoding = request.headers.get("Content-Encoding");
  if (encoding !== null && encoding.toLowerCase() !== "identity") {
    const found = `Content-Encoding is ${JSON.stringify(encoding.slice(0, 40))}`;
    throw userError("encoding_unsupported", where, `${found}, bodies are taken without compression only`);
  }
  if (request.body === null || request.body === undefined) return new Uint8Array(0);
  const reader = request.body.getReader();
  const parts: Uint8Array[] = [];
  let total = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done || value === undefined) return concatBytes(parts);
    total += value.byteLength;
    if (total > bytesMax) {
      parts.length = 0;
      await discard(reader, total);
      throw tooLarge(bytesMax, where);
    }
    parts.push(value);
  }
}

async function discard(reader: ByteReader, already: number): Promise<void> {
  for (let total = already; total <= DISCARD_BYTES_MAX; ) {
    const { done, value } = await reader.read();
    if (done || value === undefined) return;
    total += value.byteLength;
  }
  await reader.cancel();
}

const tooLarge = (bytesMax: number, where: string): MillraceError =>
  userError("body_too_large", where, `the body has more than ${bytesMax} bytes; send the records in several requests`);
