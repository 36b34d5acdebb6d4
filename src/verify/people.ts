import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import { registerLeads } from "../outbox/register.ts";
import type { Random } from "./random.ts";

/** One registration that was committed, as the one who made it knows it. */
export interface Person {
  readonly leadId: string;
  /** E.164 digits, as Mobizon's ledger has them. */
  readonly phone: string;
  readonly email: string;
  readonly dueAt: Date;
}

export interface People {
  /** Committed, so each of them is owed one SMS and one email. */
  readonly committed: readonly Person[];
  /** Rolled back, so nothing is owed, and nothing may be sent. */
  readonly rolledBack: ReadonlySet<string>;
  /** Takes no more but a last few, for later; resolves when all that was begun is committed. */
  stop(): Promise<void>;
}

/** More than that in flight only makes the last ones wait. */
const MOST_OPEN = 60;
const BATCH = 6;
const ROLLBACK_SHARE = 0.08;
const LATER_MS = { least: 200, most: 3_000 } as const;
const LATER_SHARE = 0.3;
/** Due when nothing else goes on by which they might be noticed. */
const LAST_MS = { least: 6_000, most: 9_000 } as const;

/** Registers people all the time, as a backend would: with a key of its own, and again until it is heard. */
export function registerPeople(pool: pg.Pool, random: Random): People {
  const committed: Person[] = [];
  const rolledBack = new Set<string>();
  const stopping = new AbortController();
  let count = 0;

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const batch = makeBatch();
      if (random.chance(ROLLBACK_SHARE)) await giveUp(batch);
      else await commit(batch);
      do await sleep(100, undefined, { signal: stopping.signal }).catch(() => {});
      while (!stopping.signal.aborted && (await countOpen()) > MOST_OPEN);
    }
    await commit(makeBatch(() => random.between(LAST_MS.least, LAST_MS.most)));
  }
  function makeBatch(dueInMs = drawDelay) {
    return Array.from({ length: BATCH }, () => makePerson(dueInMs()));
  }
  function drawDelay(): number {
    return random.chance(LATER_SHARE) ? random.between(LATER_MS.least, LATER_MS.most) : 0;
  }
  function makePerson(dueInMs: number) {
    const index = count++;
    return {
      phone: `7701${String(index).padStart(7, "0")}`,
      email: `lead${index}@example.kz`,
      dueAt: new Date(Date.now() + dueInMs),
    };
  }
  type Guest = ReturnType<typeof makePerson>;

  async function commit(batch: readonly Guest[]): Promise<void> {
    for (;;) {
      try {
        const registered = await inTransaction(batch, "commit");
        for (const [index, guest] of batch.entries()) {
          committed.push({ ...guest, leadId: registered[index]?.leadId ?? "" });
        }
        return;
      } catch {
        // Whether it was committed nobody knows; the same keys answer the same leads.
        await sleep(200);
      }
    }
  }
  async function giveUp(batch: readonly Guest[]): Promise<void> {
    for (const { phone, email } of batch) rolledBack.add(phone).add(email);
    await inTransaction(batch, "rollback").catch(() => {});
  }
  async function inTransaction(batch: readonly Guest[], end: "commit" | "rollback") {
    const client = await pool.connect();
    let isBroken = true;
    try {
      await client.query("begin");
      const registered = await registerLeads(
        client,
        batch.map((it) => ({
          name: "Айгерим",
          phone: `+${it.phone}`,
          email: it.email,
          dueAt: it.dueAt,
          idempotencyKey: it.phone,
          source: "verify",
        })),
      );
      const { command } = await client.query(end);
      // A commit that answers ROLLBACK was none.
      if (command !== end.toUpperCase()) throw new Error(`${end} answered ${command}`);
      isBroken = false;
      return registered;
    } finally {
      client.release(isBroken);
    }
  }
  async function countOpen(): Promise<number> {
    try {
      const { rows } = await pool.query<{ open: number }>(
        "select count(*)::integer as open from oncebox.notification where state in ('pending', 'claimed')",
      );
      return rows[0]?.open ?? 0;
    } catch {
      return 0;
    }
  }

  const running = run();
  return {
    committed,
    rolledBack,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
