import { fileURLToPath } from "node:url";
import type { Place, Program } from "./contestant.ts";

const WORKER = fileURLToPath(new URL("../worker.ts", import.meta.url));

/** The process that runs the worker of a contestant of this name. */
export function peerProgram(name: string, { databaseUrl, gatewayUrl }: Place): Program {
  return { args: [WORKER, name, databaseUrl, gatewayUrl], env: {} };
}
