/** A worker on another host: it reaches the provider, which is at `host:port`, through a door of its own. */
import { readConfig } from "../../src/config.ts";
import { createLogger } from "../../src/log.ts";
import { runWorker } from "../../src/worker.ts";
import { openDoor } from "./door.ts";

const [host = "", port] = process.argv.slice(2);
const door = await openDoor("127.0.0.1", { host, port: Number(port) });
const env = { ...process.env, MOBIZON_API_URL: `http://127.0.0.1:${door.port}` };
const config = readConfig({}, env);
const worker = await runWorker(config, createLogger(config.logLevel));
process.on("SIGTERM", () => void worker.stop());
await worker.done;
await door[Symbol.asyncDispose]();
