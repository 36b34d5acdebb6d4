import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { request } from "undici";

const SCRIPT = fileURLToPath(new URL("../gateway.ts", import.meta.url));

/** What arrived so far: more calls than people are duplicates. */
interface Counts {
  readonly people: number;
  readonly calls: number;
}

/** The gateway in its process, to be told what to do and asked what came. */
export interface Gateway extends AsyncDisposable {
  readonly url: string;
  /** Forgets all that came, and answers so late from now on. */
  reset(delayMs: number): Promise<void>;
  counts(): Promise<Counts>;
  /** When each number's SMS came, by its digits, in the order they came; milliseconds of the clock. */
  arrivals(): Promise<Map<string, number>>;
}

export async function startGateway(): Promise<Gateway> {
  const child = fork(SCRIPT, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  const url = `http://127.0.0.1:${port}`;
  const ask = async (method: "GET" | "POST", path: string) => {
    const { body } = await request(`${url}/_bench/${path}`, { method });
    return await body.json();
  };
  return {
    url,
    reset: async (delayMs) => void (await ask("POST", `reset?delayMs=${delayMs}`)),
    counts: async () => (await ask("GET", "counts")) as Counts,
    arrivals: async () => new Map((await ask("GET", "arrivals")) as [string, number][]),
    async [Symbol.asyncDispose]() {
      // A signal to all of the group has ended it already.
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.disconnect();
      await ended;
    },
  };
}
