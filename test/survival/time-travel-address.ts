import { once } from "node:events";
import { createServer, connect as dial, type Socket } from "node:net";
import { listen } from "../../src/sandbox/listen.ts";

/** A fixed address for whoever is the primary just now, as a virtual IP or a DNS name is. */
export interface Address extends AsyncDisposable {
  readonly port: number;
  /** Cuts every connection and leads to another port from now on; null = to nobody. */
  lead(port: number | null): void;
}

export async function openAddress(): Promise<Address> {
  let target: number | null = null;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    if (target === null) {
      client.destroy();
      return;
    }
    const upstream = dial(target, "127.0.0.1");
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.on("error", () => {});
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  const port = await listen(server);
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port,
    lead(to) {
      target = to;
      cut();
    },
    async [Symbol.asyncDispose]() {
      target = null;
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
