import { randomUUID } from "node:crypto";
import type { SendOutcome } from "../../src/outbox/outcome.ts";
import type { Seams } from "../../src/shift.ts";
import { serveAsWorker } from "../../src/verify/worker-main.ts";

/** What is believed of an outcome in doubt. */
function believing(read: (outcome: SendOutcome) => SendOutcome): Seams {
  return {
    channel: (_name, channel) => ({
      ...channel,
      send: async (message, context) => read(await channel.send(message, context)),
    }),
  };
}

function notSentIf(code: RegExp): Seams {
  return believing((outcome) =>
    outcome.kind === "unknown" && code.test(outcome.code)
      ? { kind: "not_sent", code: outcome.code, detail: outcome.detail }
      : outcome,
  );
}

const SEAMS: Readonly<Record<string, Seams>> = {
  "timeout-is-not-sent": notSentIf(/deadline|TIMEOUT|ETIMEDOUT/i),
  "reset-is-not-sent": notSentIf(/ECONNRESET|UND_ERR_SOCKET/),
  "conn-is-not-sent": notSentIf(/ECONNECTION|ESOCKET|ECONNRESET/),
  "unknown-is-failed": believing((outcome) =>
    outcome.kind === "unknown" ? { ...outcome, kind: "rejected" } : outcome,
  ),
  "claim-forgets-its-token": {
    moves: (moves) => ({
      ...moves,
      claim: (request) => moves.claim({ ...request, token: randomUUID() }),
    }),
  },
  "settle-unchecked": {
    moves: (moves) => ({
      ...moves,
      settle: (key, outcome, history) =>
        moves.settle(key, outcome, history).catch(() => ({ moved: true, state: "sent" })),
    }),
  },
  "guard-off": {
    channel: (_name, channel) => ({
      ...channel,
      send: (message, context) =>
        channel.send(message, {
          ...context,
          mayStillSend() {
            // The steps are passed there; only the answer is ignored.
            context.mayStillSend();
            return true;
          },
        }),
    }),
  },
};

const name = process.argv[2] ?? "";
const seams = SEAMS[name];
if (seams === undefined) throw new TypeError(`there is no mutant worker "${name}"`);
await serveAsWorker(seams);
