import { setTimeout as sleep } from "node:timers/promises";
import { mayPass } from "../db/errors.ts";

/** One statement for many requests: what came of each, in order; undefined = somebody holds its rows just now. */
type AskAll<Request, Answer> = (
  requests: readonly Request[],
) => Promise<readonly (Answer | undefined)[]>;

interface Waiting<Request, Answer> {
  readonly request: Request;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** Enough that a commit is shared by many, few enough that none of them waits long for the others. */
const MOST = 200;
/** With so many at hand, the next statement waits for no more. */
const ENOUGH = 30;
/** How long it waits for company otherwise, in milliseconds. */
const LINGER_MS = 5;

/**
 * Makes one statement, and one commit, of the requests that come while the last one is under way.
 * Who comes alone goes at once. After a statement of several there is a pause, as more are on their way
 * then, and one statement for them takes less of the processors than two.
 *
 * A request that fails the statement by itself fails alone: then each is asked by itself. One whose
 * rows are held is refused with SQLSTATE 55P03, so that it may be asked again without keeping the
 * others waiting.
 *
 * @param keyOf - Two requests of one key never share a statement.
 */
export function gather<Request, Answer>(
  keyOf: (request: Request) => string,
  askAll: AskAll<Request, Answer>,
): (request: Request) => Promise<Answer> {
  let waiting: Waiting<Request, Answer>[] = [];
  let isUnderWay = false;

  async function work(): Promise<void> {
    while (waiting.length > 0) {
      const batch = takeNext();
      await answer(batch);
      if (batch.length > 1 && waiting.length < ENOUGH) await sleep(LINGER_MS);
    }
    isUnderWay = false;
  }

  function takeNext(): Waiting<Request, Answer>[] {
    const next = new Map<string, Waiting<Request, Answer>>();
    const later: Waiting<Request, Answer>[] = [];
    for (const it of waiting) {
      const key = keyOf(it.request);
      if (next.size < MOST && !next.has(key)) next.set(key, it);
      else later.push(it);
    }
    waiting = later;
    return [...next.values()];
  }

  async function answer(batch: readonly Waiting<Request, Answer>[]): Promise<void> {
    try {
      const answers = await askAll(batch.map((it) => it.request));
      for (const [index, { resolve, reject }] of batch.entries()) {
        const its = answers[index];
        if (its === undefined) reject(busy());
        else resolve(its);
      }
    } catch (error) {
      if (batch.length === 1 || mayPass(error)) {
        for (const { reject } of batch) reject(error);
        return;
      }
      for (const it of batch) await answer([it]);
    }
  }

  return (request) =>
    new Promise((resolve, reject) => {
      waiting.push({ request, resolve, reject });
      if (isUnderWay) return;
      isUnderWay = true;
      // Not right now: those of the same turn share the first statement.
      setImmediate(() => void work());
    });
}

function busy(): Error {
  return Object.assign(new Error("somebody holds its row, or its lead's"), { code: "55P03" });
}
