// The stores keep the same rules in libSQL, in a Durable Object and in memory. Every case runs against the
// platform's stores and against those in memory.

import { seededPrng } from "../../src/base/prng.ts";
import { BLOB_CHUNK_BYTES } from "../../src/base/limits.ts";
import { utf8 } from "../../src/base/bytes.ts";
import { MemoryBlobStore, MemoryMetadataStore } from "../../src/platform/memory_stores.ts";
import type { BlobStore, MetadataStore, StoreOp, Yield } from "../../src/platform/ports.ts";
import { METADATA_VALUE_BYTES_MAX } from "../../src/platform/store_rules.ts";
import { type Case, type TestContext, test } from "../case.ts";
import { equal, ok, rejects } from "../expect.ts";

const put = (key: string, text: string): StoreOp => ({ kind: "put", key, value: utf8(text) });

interface Stores {
  readonly metadata: MetadataStore;
  readonly blobs: BlobStore;
}

async function everywhere(context: TestContext, run: (stores: Stores) => Promise<void>): Promise<void> {
  await run({ metadata: new MemoryMetadataStore(), blobs: new MemoryBlobStore() });
  await run(await context.freshPlatform());
}

const metadataCase = (name: string, run: (store: MetadataStore) => Promise<void>): Case =>
  test(`metadata: ${name}`, (context) => everywhere(context, ({ metadata }) => run(metadata)));

const blobCase = (name: string, run: (store: BlobStore) => Promise<void>): Case =>
  test(`blobs: ${name}`, (context) => everywhere(context, ({ blobs }) => run(blobs)));

/** One writes, two read what has been answered so far. */
async function seenWhole(store: MetadataStore, others: Yield): Promise<void> {
  const COMMITS = 12;
  const record = (n: number): Uint8Array<ArrayBuffer> => new Uint8Array(200_000).fill(n);
  let written = 0;
  const write = async (): Promise<void> => {
    for (let n = 1; n <= COMMITS; n++) {
      const pointer = { kind: "put_counter", key: "latest", value: n } as const;
      const whole = { kind: "put", key: `m/${n}`, value: record(n) } as const;
      await store.commit([{ kind: "absent", key: `m/${n}` }], [pointer, put(`empty/${n}`, ""), whole]);
      written = n;
    }
  };
  const read = async (): Promise<void> => {
    while (written < COMMITS) {
      // Where a read takes no time, it would otherwise leave none to the writer.
      await others.yield();
      const answered = written;
      const latest = await store.getCounter("latest");
      ok(latest >= answered, `${latest} is seen after ${answered} was answered`);
      if (latest === 0) continue;
      equal(await store.get(`m/${latest}`), record(latest), `record ${latest}`);
      equal(await store.get(`empty/${latest}`), new Uint8Array(0), `what says nothing in commit ${latest}`);
    }
  };
  await Promise.all([write(), read(), read()]);
  equal((await store.list("m/")).length, COMMITS);
}

function pattern(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  const random = seededPrng(seed);
  for (let at = 0; at < length; at += 997) bytes[at] = random.below(256);
  return bytes;
}

export const cases: readonly Case[] = [
  metadataCase("what was put is read back, and what was not put is undefined", async (store) => {
    equal(await store.get("a"), undefined);
    equal(await store.getCounter("a"), 0);
    equal(await store.commit([], [put("a", "1"), put("empty", "")]), { kind: "committed" });
    equal(await store.get("a"), utf8("1"));
    equal(await store.get("empty"), new Uint8Array(0));
    await store.commit([], [put("a", "2"), { kind: "delete", key: "empty" }, { kind: "delete", key: "never" }]);
    equal(await store.get("a"), utf8("2"));
    equal(await store.get("empty"), undefined);
  }),

  metadataCase("values and counters are two name spaces, and delete removes both", async (store) => {
    await store.commit([], [put("k", "v"), { kind: "put_counter", key: "k", value: 9007199254740991 }]);
    equal(await store.get("k"), utf8("v"));
    equal(await store.getCounter("k"), 9007199254740991);
    equal((await store.list("k")).length, 1, "counters are not listed");
    await store.commit([], [{ kind: "put_counter", key: "only", value: -3 }]);
    equal(await store.commit([{ kind: "absent", key: "only" }], []), { kind: "committed" });
    await store.commit([], [{ kind: "delete", key: "k" }]);
    equal([await store.get("k"), await store.getCounter("k")], [undefined, 0]);
  }),

  metadataCase("a commit whose guard does not hold changes nothing and names the guard", async (store) => {
    await store.commit([], [put("held", "x"), { kind: "put_counter", key: "generation", value: 5 }]);
    const change = [put("held", "y"), put("new", "z")];
    const refused = async (guards: Parameters<MetadataStore["commit"]>[0], guard: number): Promise<void> => {
      equal(await store.commit(guards, change), { kind: "refused", guard });
      equal([await store.get("held"), await store.get("new")], [utf8("x"), undefined]);
    };
    await refused([{ kind: "absent", key: "held" }], 0);
    await refused([{ kind: "equals", key: "held", value: utf8("X") }], 0);
    await refused([{ kind: "equals", key: "missing", value: utf8("") }], 0);
    await refused([{ kind: "counter_at_most", key: "generation", value: 4 }], 0);
    await refused([{ kind: "counter_is", key: "generation", value: 6 }], 0);
    await refused([{ kind: "counter_is", key: "absent counter", value: 1 }], 0);
    await refused(
      [
        { kind: "absent", key: "new" },
        { kind: "counter_is", key: "generation", value: 4 },
      ],
      1,
    );
    await refused(
      [
        { kind: "absent", key: "held" },
        { kind: "absent", key: "held" },
      ],
      0,
    );
  }),

  metadataCase("a commit whose guards all hold takes effect whole", async (store) => {
    await store.commit([], [put("held", "x"), { kind: "put_counter", key: "generation", value: 5 }]);
    const outcome = await store.commit(
      [
        { kind: "absent", key: "new" },
        { kind: "equals", key: "held", value: utf8("x") },
        { kind: "counter_at_most", key: "generation", value: 5 },
        { kind: "counter_is", key: "generation", value: 5 },
        { kind: "counter_at_most", key: "absent counter", value: 0 },
        { kind: "counter_is", key: "absent counter", value: 0 },
      ],
      [put("new", "z"), { kind: "put_counter", key: "generation", value: 6 }],
    );
    equal(outcome, { kind: "committed" });
    equal([await store.get("new"), await store.getCounter("generation")], [utf8("z"), 6]);
  }),

  metadataCase("guards beyond what one query asks for are told apart", async (store) => {
    const guards = Array.from({ length: 45 }, (_unused, index) => ({ kind: "absent", key: `k${index}` }) as const);
    equal(await store.commit(guards, [put("k44", "now")]), { kind: "committed" });
    equal(await store.commit(guards, [put("k0", "never")]), { kind: "refused", guard: 44 });
    equal(await store.get("k0"), undefined);
  }),

  metadataCase("of many commits that claim the same key at once, one wins", async (store) => {
    const claims = Array.from({ length: 20 }, (_unused, index) =>
      store.commit([{ kind: "absent", key: "lease" }], [put("lease", String(index))]),
    );
    const outcomes = await Promise.all(claims);
    equal(outcomes.filter((one) => one.kind === "committed").length, 1, "winners");
    const winner = outcomes.findIndex((one) => one.kind === "committed");
    equal(await store.get("lease"), utf8(String(winner)));
  }),

  metadataCase(
    "a list has the keys of its prefix in the order of their bytes, both ways and cut short",
    async (store) => {
      const keys = ["a", "a/", "a/1", "a/10", "a/2", "a/%", "a/_", "a/é", "a/\ud83d\ude00", "a/\uffee", "b", "A/1"];
      await store.commit(
        [],
        keys.map((key) => put(key, key)),
      );
      const wanted = ["a/", "a/%", "a/1", "a/10", "a/2", "a/_", "a/é", "a/\uffee", "a/\ud83d\ude00"];
      const found = await store.list("a/");
      equal(
        found.map((one) => one.key),
        wanted,
      );
      equal(
        found.map((one) => one.value),
        wanted.map(utf8),
      );
      equal(
        (await store.list("a/", { reverse: true, limit: 2 })).map((one) => one.key),
        wanted.slice(-2).reverse(),
      );
      equal(
        (await store.list("a/", { limit: 1 })).map((one) => one.key),
        ["a/"],
      );
      equal((await store.list("")).length, keys.length);
      equal(await store.list("zz"), []);
    },
  ),

  test("metadata: a record and what points to it are seen together and whole, or not at all", async (context) => {
    const platform = await context.freshPlatform();
    for (const store of [new MemoryMetadataStore(), platform.metadata]) await seenWhole(store, platform.yield);
  }),

  metadataCase("callers and store share no bytes", async (store) => {
    const bytes = utf8("first");
    const held = new Uint8Array(64);
    held.set(bytes, 7);
    await store.commit([], [{ kind: "put", key: "k", value: held.subarray(7, 12) }]);
    held.fill(0);
    const back = await store.get("k");
    equal(back, bytes);
    back?.fill(1);
    equal(await store.get("k"), bytes);
  }),

  metadataCase("a record is at most one chunk long", async (store) => {
    const largest = pattern(METADATA_VALUE_BYTES_MAX, 3);
    await store.commit([], [{ kind: "put", key: "large", value: largest }]);
    equal(await store.get("large"), largest);
    const larger = new Uint8Array(METADATA_VALUE_BYTES_MAX + 1);
    await rejects(() => store.commit([], [{ kind: "put", key: "large", value: larger }]), "metadata_too_large");
  }),

  blobCase("a blob of any length comes back byte for byte", async (store) => {
    for (const length of [
      0,
      1,
      4096,
      BLOB_CHUNK_BYTES - 1,
      BLOB_CHUNK_BYTES,
      BLOB_CHUNK_BYTES + 1,
      BLOB_CHUNK_BYTES * 9 + 5,
    ]) {
      const bytes = pattern(length, length + 1);
      await store.put(`blob/${length}`, bytes);
      equal(bytes.byteLength, length, "the caller keeps its bytes");
      const back = await store.get(`blob/${length}`);
      ok(back !== undefined && back.byteLength === length, `${length} bytes come back`);
      ok(
        back.every((byte, at) => byte === bytes[at]),
        `${length} bytes come back equal`,
      );
    }
    equal(await store.get("blob/none"), undefined);
  }),

  blobCase("a view into a larger buffer is stored as just its bytes", async (store) => {
    const buffer = new Uint8Array(100).fill(9);
    await store.put("view", buffer.subarray(10, 13));
    equal(await store.get("view"), Uint8Array.of(9, 9, 9));
    equal(buffer.byteLength, 100, "the caller keeps its buffer");
  }),

  blobCase("a name holds its bytes for ever: the same again is fine, others are refused", async (store) => {
    await store.put("n", utf8("bytes"));
    await store.put("n", utf8("bytes"));
    const error = await rejects(() => store.put("n", utf8("other")), "blob_exists");
    equal(error.where, "n");
    await rejects(() => store.put("n", utf8("bytes and more")), "blob_exists");
    await rejects(() => store.put("n", new Uint8Array(0)), "blob_exists");
    equal(await store.get("n"), utf8("bytes"));
  }),

  blobCase("deleted names are gone, others stay, and deleting what is not there is fine", async (store) => {
    for (const name of ["p/1", "p/2", "q/'; --", "p/10"]) await store.put(name, utf8(name));
    equal(await store.list("p/"), ["p/1", "p/10", "p/2"]);
    await store.delete(["p/1", "never", "q/'; --"]);
    await store.delete([]);
    equal(await store.list(""), ["p/10", "p/2"]);
    equal(await store.get("p/1"), undefined);
    equal(await store.get("p/2"), utf8("p/2"));
  }),

  blobCase("more names than one statement takes are deleted together", async (store) => {
    const names = Array.from({ length: 700 }, (_unused, index) => `many/${String(index).padStart(4, "0")}`);
    await store.put("many/0000", utf8("a"));
    await store.put("many/0699", utf8("b"));
    await store.put("many/keep", utf8("c"));
    await store.delete(names);
    equal(await store.list("many/"), ["many/keep"]);
  }),
];
