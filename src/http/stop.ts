import type { Socket } from "node:net";
import type { FastifyInstance } from "fastify";

/**
 * Lets a stop wait for answers only: who was answered does not keep the connection, who never asked
 * anything is cut, and who takes too long to ask, too. Node itself stops looking for those.
 */
export function letGoAtStop(app: FastifyInstance, waitMs: number): void {
  const sockets = new Set<Socket>();
  app.server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  let isStopping = false;
  app.addHook("preClose", async () => {
    isStopping = true;
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
    setTimeout(() => {
      for (const socket of sockets) socket.destroy();
    }, waitMs).unref();
  });
  app.addHook("onSend", async (_request, reply) => {
    if (isStopping) reply.header("connection", "close");
  });
}
