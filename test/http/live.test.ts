import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { fastify } from "fastify";
import { expect, test } from "vitest";
import { createLive } from "../../src/http/ui/live.ts";
import { createLogger } from "../../src/log.ts";
import { until } from "../support/until.ts";
import { dial } from "./support/http.ts";

test("who may no longer look and reads nothing is cut off, and what is told then harms nobody", async () => {
  const live = createLive(async () => ({}), createLogger("silent"));
  await using app = fastify();
  const attached: ServerResponse[] = [];
  let mayLook = true;
  app.get("/", async (_request, reply) => {
    attached.push(reply.raw);
    live.attach(reply, async () => mayLook);
  });
  await app.listen({ host: "127.0.0.1", port: 0 });
  const socket = await dial(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`);
  socket.pause();
  socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const raw = await until("it is attached", () => attached[0]);
  await until("more is told than it reads", () => {
    // Still, a moment after it was told.
    if (raw.writableLength > 0) return true;
    live.tell("landed", "x".repeat(100_000));
    return false;
  });
  expect(raw.destroyed).toBe(false);

  mayLook = false;
  const left = once(raw, "close");
  live.recheck();
  await new Promise(setImmediate);
  live.tell("landed", "x");

  await left;
  live.tell("landed", "x");
  socket.destroy();
  live.close();
});
