// Signatures of S3 requests against the examples that AWS publishes for Signature Version 4, and one that an
// independent implementation computed for a query with every kind of character.

import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalQuery, signedHeaders, uriEncoded } from "../../adapters/local/blobs/sigv4.ts";
import { utf8 } from "../../src/base/bytes.ts";

const keys = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" };
const HOST = "https://examplebucket.s3.amazonaws.com";

interface Example {
  readonly what: string;
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signature: string;
}

const examples: readonly Example[] = [
  {
    what: "a read of a part",
    ...{ method: "GET", url: `${HOST}/test.txt`, headers: { range: "bytes=0-9" } },
    signature: "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  },
  {
    what: "a write with a body and an encoded path",
    ...{ method: "PUT", url: `${HOST}/test%24file.text`, body: "Welcome to Amazon S3." },
    headers: { date: "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY" },
    signature: "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
  },
  {
    what: "a query without a value",
    ...{ method: "GET", url: `${HOST}/?${canonicalQuery({ lifecycle: "" })}` },
    signature: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
  },
  {
    what: "a list",
    ...{ method: "GET", url: `${HOST}/?${canonicalQuery({ prefix: "J", "max-keys": "2" })}` },
    signature: "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
  },
  {
    what: "a list whose parameters have slashes, blanks and quotes, on a port of its own",
    method: "GET",
    url: `http://h:9000/bucket/?${canonicalQuery({
      "list-type": "2",
      prefix: "some/prefix/a b'c",
      "continuation-token": "x+/=",
    })}`,
    signature: "e4bb622a550457cd51faaf4a17327bd415f83e426cd4a47ba19f4cbc06d97bfd",
  },
];

for (const { what, method, url, headers = {}, body = "", signature } of examples) {
  test(`${what} is signed as S3 expects it`, () => {
    const request = { method, url: new URL(url), headers, body: utf8(body) };
    const signed = signedHeaders(request, keys, "us-east-1", Date.UTC(2013, 4, 24));
    assert.equal(/Signature=([0-9a-f]+)$/.exec(signed["authorization"] ?? "")?.[1], signature);
    assert.equal(signed["host"], undefined, "the runtime sets it");
  });
}

test("a session's token is sent and signed", () => {
  const request = { method: "GET", url: new URL(`${HOST}/x`), headers: {}, body: utf8("") };
  const signed = signedHeaders(request, { ...keys, sessionToken: "t" }, "eu-west-1", 0);
  assert.equal(signed["x-amz-security-token"], "t");
  assert.match(signed["authorization"] ?? "", /19700101\/eu-west-1\/s3\/.*x-amz-security-token/);
});

test("everything but letters, digits and -_.~ is encoded, in capitals", () => {
  assert.equal(uriEncoded("aZ0-_.~!'()*/ é+"), "aZ0-_.~%21%27%28%29%2A%2F%20%C3%A9%2B");
});
