/**
 * The worker of a contestant, as a process of its own, until SIGTERM or until whoever started it is gone.
 *
 *   node bench/worker.ts NAME DATABASE_URL GATEWAY_URL
 */
import { PEERS } from "./contestants/all.ts";

const [name, databaseUrl = "", gatewayUrl = ""] = process.argv.slice(2);
const peer = PEERS.find((it) => it.name === name);
if (peer === undefined) throw new Error(`no contestant has the name ${name}`);
const { stop } = await peer.work({ databaseUrl, gatewayUrl });
process.once("SIGTERM", () => void stop().finally(() => process.exit(0)));
process.once("disconnect", () => process.exit(1));
