// Links over WebSockets: both sides prove that they know the secret, and messages arrive whole and in order.

import assert from "node:assert/strict";
import { test } from "node:test";
import { WebSocketNetwork } from "../../adapters/local/cluster/web_socket_network.ts";
import { silentLog } from "../../adapters/local/log_sink.ts";
import type { Link } from "../../src/platform/network.ts";
import type { LogSink } from "../../src/platform/ports.ts";

const network = (secret: string, log: LogSink = silentLog): WebSocketNetwork =>
  new WebSocketNetwork({ secret, log, host: "127.0.0.1", port: 0 });
const SECRET = "a secret that is long enough";

test("messages arrive whole and in order, both ways, and each side hears why a link has closed", async () => {
  let accepted: Link | undefined;
  const heard: number[] = [];
  const listener = await network(SECRET).listen((link) => {
    accepted = link;
    link.onMessage((bytes) => {
      heard.push(bytes.byteLength);
      link.send(bytes);
    });
  });
  const link = await network(SECRET).connect(listener.address);
  const sizes = [0, 1, 3_000_001, 8, 65_536];
  const back: number[] = [];
  const all = new Promise<void>((resolve) => {
    link.onMessage((bytes) => {
      assert.equal(bytes.byteOffset % 8, 0);
      if (bytes.byteLength > 0) assert.equal(bytes[bytes.byteLength - 1], back.length);
      back.push(bytes.byteLength);
      if (back.length === sizes.length) resolve();
    });
  });
  for (const [index, size] of sizes.entries()) link.send(new Uint8Array(size).fill(index));
  await all;
  assert.deepEqual([heard, back], [sizes, sizes]);
  const why = new Promise<string>((resolve) => accepted?.onClose(resolve));
  link.close("that was all");
  assert.equal(await why, "that was all");
  await listener.close();
});

test("whoever does not know the secret hears nothing but that, and the other side logs it", async () => {
  const lines: string[] = [];
  let links = 0;
  const listener = await network(SECRET, { write: (_level, message) => lines.push(message) }).listen(() => links++);
  await assert.rejects(network("quite another secret").connect(listener.address), { code: "secret_wrong" });
  assert.deepEqual([links, lines.length], [0, 1]);
  await listener.close();
  await assert.rejects(network(SECRET).connect(listener.address), { code: "peer_unreachable" });
  assert.throws(() => network("short"), { code: "secret_too_short" });
});

test("a listener that does not know the secret is found out by whoever connects", async () => {
  // It takes any proof, and answers with bytes of the right length.
  const { WebSocketServer } = await import("ws");
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await new Promise((resolve) => server.once("listening", resolve));
  server.on("connection", (socket) => {
    socket.send(new Uint8Array(32));
    socket.on("message", () => socket.send(new Uint8Array(32)));
  });
  const { port } = server.address() as { port: number };
  await assert.rejects(network(SECRET).connect(`ws://127.0.0.1:${port}`), { code: "secret_wrong" });
  await new Promise((resolve) => server.close(resolve));
});
