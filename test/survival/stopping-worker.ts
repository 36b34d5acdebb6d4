/**
 * A worker that stops itself at a step of its first send, as if the machine had: for tests only.
 *
 *   node stopping-worker.ts SIGSTOP|SIGKILL before-write|claimed
 */
import { readConfig } from "../../src/config.ts";
import { createLogger } from "../../src/log.ts";
import { runWorker } from "../../src/worker.ts";

const [signal, step] = process.argv.slice(2) as [NodeJS.Signals, "before-write" | "claimed"];

const worker = await runWorker(readConfig(), createLogger("debug"), {
  moves: (moves) => ({
    ...moves,
    async claim(request) {
      const claimed = await moves.claim(request);
      if (step === "claimed" && claimed?.verdict === "claimed") process.kill(process.pid, signal);
      return claimed;
    },
  }),
  channel: (_name, channel) => ({
    ...channel,
    send: (message, context) =>
      channel.send(message, {
        ...context,
        mayStillSend() {
          // Before the last look: what it says is what it finds when it wakes up again.
          if (step === "before-write") process.kill(process.pid, signal);
          return context.mayStillSend();
        },
      }),
  }),
});
process.on("SIGTERM", () => void worker.stop());
await worker.done;
