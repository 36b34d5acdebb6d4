import { once } from "node:events";
import { type AddressInfo, createServer, connect as dial, type Socket } from "node:net";

export interface Door extends AsyncDisposable {
  readonly port: number;
}

/** Passes every connection on: the stand-ins, and plain HTTP, are for loopback only. */
export async function openDoor(host: string, to: { host: string; port: number }): Promise<Door> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = dial(to.port, to.host);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        client.destroy();
        upstream.destroy();
        sockets.delete(socket);
      });
    }
    client.pipe(upstream).pipe(client);
  });
  server.listen(0, host);
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
