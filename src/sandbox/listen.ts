import { once } from "node:events";
import type { Server } from "node:net";
import { OnceboxError } from "../errors.ts";

/** Listens on 127.0.0.1, on any free port unless one is named, and says which it got. */
export async function listen(server: Server, port = 0): Promise<number> {
  server.listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch (error) {
    throw new OnceboxError("ONCEBOX_SANDBOX_FAILED", `cannot listen on port ${port}`, {
      detail: error instanceof Error ? error.message : String(error),
      hint: "Name another port, or stop who listens on this one.",
      cause: error,
    });
  }
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("expected a TCP port");
  return address.port;
}
