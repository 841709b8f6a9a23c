// Blobs as objects of a bucket on an S3-compatible server, shared by processes and hosts.
//
// Invariants: an object is created by a conditional request, so that a name that is taken is never overwritten; the
// digest that is stored with it is compared with what is read. A creation whose answer was lost is sent again: finding
// its own bytes under the name, it has succeeded.

import { createHash } from "node:crypto";
import { type Bytes, equalBytes, utf8 } from "../../../src/base/bytes.ts";
import { corruptionError, externalError, type MillraceError, userError } from "../../../src/base/errors.ts";
import { compareUtf8 } from "../../../src/platform/memory_stores.ts";
import type { BlobStore } from "../../../src/platform/ports.ts";
import { blobExists, checkedKey } from "../../../src/platform/store_rules.ts";
import { nameOfKey, objectKey } from "./blob_names.ts";
import { codeOf, type S3Answer, S3Client, type S3ClientOptions } from "./s3_client.ts";
import { sha256Hex } from "./sigv4.ts";

export interface S3BlobOptions extends S3ClientOptions {
  /** Before every key: empty, or a path that ends with a slash. */
  readonly prefix: string;
  /** How many keys one request may list or delete: the protocol's own limit where not given. */
  readonly keysMax?: number;
}

const DIGEST_HEADER = "x-amz-meta-millrace-sha256";

/** What the protocol allows one request to delete, and to list. */
const KEYS_MAX = 1000;

/** No name of a blob has this key: after a tilde stand two digits or capitals. */
const PROBE = "~conditional-create";

/** Tries to create a name that is deleted by another again and again. */
const CREATES_MAX = 10;

export class S3BlobStore implements BlobStore {
  readonly #client: S3Client;
  readonly #prefix: string;
  readonly #keysMax: number;

  private constructor(options: S3BlobOptions) {
    this.#client = new S3Client(options);
    this.#prefix = options.prefix;
    this.#keysMax = options.keysMax ?? KEYS_MAX;
  }

  /** Makes no request yet. */
  static unchecked(options: S3BlobOptions): S3BlobStore {
    return new S3BlobStore(options);
  }

  /** Refuses a server that cannot be reached with these keys, or that overwrites what it was told not to. */
  static async open(options: S3BlobOptions): Promise<S3BlobStore> {
    const store = S3BlobStore.unchecked(options);
    const probe = utf8("Millrace looks here whether this server refuses to overwrite.\n");
    await store.#create(PROBE, probe, PROBE);
    const again = await store.#create(PROBE, probe, PROBE);
    if (again === "created") {
      throw externalError(
        "store_not_conditional",
        store.#client.name,
        `${store.#client.name} overwrites objects in spite of If-None-Match; a server that supports it is needed`,
      );
    }
    return store;
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    const key = objectKey(checkedKey(name));
    for (let creates = 0; creates < CREATES_MAX; creates++) {
      if ((await this.#create(key, bytes, name)) === "created") return;
      const held = await this.#holds(key, bytes, name);
      if (held === "same") return;
      if (held === "other") throw blobExists(name);
    }
    throw externalError("store_unavailable", name, `${this.#client.name}: ${name} exists and does not, by turns`);
  }

  async get(name: string): Promise<Bytes | undefined> {
    return await this.#read(objectKey(checkedKey(name)), name);
  }

  async delete(names: readonly string[]): Promise<void> {
    for (let start = 0; start < names.length; start += this.#keysMax) {
      const some = names.slice(start, start + this.#keysMax).map((name) => this.#prefix + objectKey(checkedKey(name)));
      const body = utf8(
        `<Delete><Quiet>true</Quiet>${some.map((key) => `<Object><Key>${key}</Key></Object>`).join("")}</Delete>`,
      );
      const headers = {
        "content-type": "application/xml",
        "content-md5": createHash("md5").update(body).digest("base64"),
      };
      const where = names[start] as string;
      const answer = await this.#client.send({ method: "POST", query: { delete: "" }, headers, body }, [200], where);
      this.#demandDeleted(answer);
    }
  }

  async list(prefix: string): Promise<readonly string[]> {
    const names: string[] = [];
    let token: string | undefined;
    do {
      const query = {
        "list-type": "2",
        "max-keys": String(this.#keysMax),
        prefix: this.#prefix + objectKey(prefix),
        ...(token === undefined ? {} : { "continuation-token": token }),
      };
      const text = new TextDecoder().decode((await this.#client.send({ method: "GET", query }, [200], prefix)).body);
      for (const [, found = ""] of text.matchAll(/<Key>([^<]*)<\/Key>/g)) {
        const key = found.slice(this.#prefix.length);
        if (!key.startsWith(PROBE)) names.push(nameOfKey(key));
      }
      token = /<IsTruncated>true<\/IsTruncated>/.test(text) ? this.#token(text) : undefined;
    } while (token !== undefined);
    return names.sort(compareUtf8);
  }

  async #create(key: string, bytes: Uint8Array, where: string): Promise<"created" | "taken"> {
    const hex = sha256Hex(bytes);
    const headers = {
      "content-type": "application/octet-stream",
      "if-none-match": "*",
      [DIGEST_HEADER]: hex,
    };
    const request = { method: "PUT", key: this.#prefix + key, headers, body: bytes } as const;
    const { status } = await this.#client.send(request, [200, 201, 204, 412], where);
    return status === 412 ? "taken" : "created";
  }

  /** By its digest, where the object carries one. */
  async #holds(key: string, bytes: Uint8Array, where: string): Promise<"same" | "other" | "gone"> {
    const head = await this.#client.send({ method: "HEAD", key: this.#prefix + key }, [200, 404], where);
    if (head.status === 404) return "gone";
    const digest = head.headers.get(DIGEST_HEADER);
    if (digest !== null && digest !== sha256Hex(bytes)) return "other";
    if (digest !== null) {
      // A server that stores what had come of a creation when its connection broke keeps the digest of the whole.
      if (Number(head.headers.get("content-length")) !== bytes.byteLength) throw this.#damaged(where);
      return "same";
    }
    const held = await this.#read(key, where);
    if (held === undefined) return "gone";
    return equalBytes(held, bytes) ? "same" : "other";
  }

  async #read(key: string, where: string): Promise<Bytes | undefined> {
    const answer = await this.#client.send({ method: "GET", key: this.#prefix + key }, [200, 404], where);
    if (answer.status === 404) {
      // A bucket that is gone is no proof that the blob is.
      if (codeOf(answer) !== "NoSuchBucket") return undefined;
      throw userError("store_address_invalid", where, `${this.#client.name} does not exist any more`);
    }
    const digest = answer.headers.get(DIGEST_HEADER);
    if (digest !== null && digest !== sha256Hex(answer.body)) throw this.#damaged(where);
    return answer.body;
  }

  #damaged(name: string): MillraceError {
    const message = `the blob ${name} on ${this.#client.name} is damaged: its bytes do not have the digest of its put`;
    return corruptionError("store_corrupt", name, message);
  }

  #token(text: string): string {
    const found = /<NextContinuationToken>([^<]+)<\/NextContinuationToken>/.exec(text)?.[1];
    if (found !== undefined) return unescaped(found);
    const { name } = this.#client;
    throw externalError("store_unavailable", name, `${name} cuts a list short and does not say how to go on`);
  }

  #demandDeleted({ body }: S3Answer): void {
    const text = new TextDecoder().decode(body);
    const error = /<Error>.*?<\/Error>/s.exec(text)?.[0];
    if (error === undefined) return;
    const [key = "", code = ""] = ["Key", "Code"].map((tag) => new RegExp(`<${tag}>([^<]*)<`).exec(error)?.[1]);
    const { name } = this.#client;
    throw externalError("store_unavailable", key, `${name} did not delete ${key}: ${code}`);
  }
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
const unescaped = (text: string): string =>
  text.replace(/&(amp|lt|gt|quot|apos);/g, (_all, name: string) => ENTITIES[name] ?? "");
