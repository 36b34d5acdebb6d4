import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import type { Random } from "./random.ts";

/** Between a client and Postgres, to cut a connection exactly around a commit. */
export interface CommitCutter extends AsyncDisposable {
  /** The same database, through us. */
  readonly url: string;
  /** Connections that were cut around a commit so far. */
  readonly cuts: number;
  /** From now on everything passes. */
  calm(): void;
  /** Cuts every connection at once. */
  cutAll(): void;
}

/** What a worker's statements that commit look like on the wire. */
export const MOVES = [
  "oncebox.claim_each(",
  "oncebox.keep_draft_each(",
  "oncebox.settle_each(",
  "oncebox.reconcile(",
];

const MOMENTS = ["before", "after", "between"] as const;

interface Cut {
  /** The one of the statements that the connection carried. */
  readonly statement: string;
  /** Before Postgres got it, after its commit and before its answer came back, or in between: both may be. */
  readonly moment: (typeof MOMENTS)[number];
}

/**
 * Cuts a share of the connections that carry a commit: before Postgres gets it, after it was
 * committed and before its answer comes back, or at once after handing it on, when both may be.
 *
 * @param commits - Statements of which one side must not know whether they took effect.
 */
export async function startProxy(
  target: string,
  commits: readonly string[],
  share: number,
  random: Random,
  onCut?: (cut: Cut) => void,
): Promise<CommitCutter> {
  const upstream = new URL(target);
  const pairs = new Set<readonly [Socket, Socket]>();
  let cuts = 0;
  let isCalm = false;

  const server = createServer((client) => {
    const backend = connect(Number(upstream.port), upstream.hostname);
    const pair = [client, backend] as const;
    pairs.add(pair);
    let isAnswerLost = false;
    const cut = () => {
      for (const socket of pair) socket.destroy();
      pairs.delete(pair);
    };
    const findMoment = (chunk: Buffer): Cut | null => {
      const statement = isCalm ? undefined : commits.find((it) => chunk.includes(it));
      if (statement === undefined || !random.chance(share)) return null;
      return { statement, moment: random.pick(MOMENTS) };
    };
    client.on("data", (chunk) => {
      const found = findMoment(chunk);
      if (found === null) {
        backend.write(chunk);
        return;
      }
      cuts += 1;
      onCut?.(found);
      switch (found.moment) {
        case "before":
          cut();
          break;
        case "after":
          isAnswerLost = true;
          backend.write(chunk);
          break;
        case "between":
          backend.write(chunk, cut);
          break;
      }
    });
    backend.on("data", (chunk) => {
      if (isAnswerLost) cut();
      else client.write(chunk);
    });
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on("error", cut);
      socket.on("close", cut);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const url = new URL(target);
  if (address !== null && typeof address === "object") url.port = String(address.port);

  const cutAll = () => {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
  };
  return {
    url: url.href,
    get cuts() {
      return cuts;
    },
    calm: () => {
      isCalm = true;
    },
    cutAll,
    async [Symbol.asyncDispose]() {
      server.close();
      cutAll();
      await once(server, "close");
    },
  };
}
