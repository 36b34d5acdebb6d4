import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";

const EVERY_MS = 500;
const CHECK_EVERY_MS = 300;

/**
 * Shortens waits of minutes: opens channels that a fault has paused, brings tries and lookups forward,
 * and wakes those it brought forward. The rules that may send do not ask it.
 */
export function cutShort(pool: pg.Pool, signal: AbortSignal): Promise<void> {
  return again(pool, WAITS, signal);
}

/**
 * What everybody does who is in a hurry, all at once and again and again: wakes what is not sent,
 * due or not, and sweeps. It is a race on purpose, and a harm: when that is over, everything has to
 * be noticed in time by the workers themselves.
 */
export function race(pool: pg.Pool, signal: AbortSignal): Promise<void> {
  return again(pool, HURRY, signal);
}

async function again(
  pool: pg.Pool,
  statements: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    // One by one: a deadlock with a worker costs one of them, and not all.
    for (const statement of statements) await pool.query(statement).catch(() => {});
    await sleep(EVERY_MS, undefined, { signal }).catch(() => {});
  }
}

const WAITS = [
  `update oncebox.channel set paused_until = null, pause_reason = null, pauses = 0
    where paused_until is not null`,
  // A registration's own due_at stays: only a try after the first is brought forward.
  `update oncebox.notification set due_at = now()
    where id in (select id from oncebox.notification
                  where state = 'pending' and attempt > 0 and due_at > now() for update skip locked)`,
  `update oncebox.notification set look_up_at = now() + interval '1 second'
    where id in (select id from oncebox.notification
                  where look_up_at > now() + interval '6 seconds' for update skip locked)`,
  // What is due and has a job for later. One without a job, or with a job that is due, is none of ours.
  `select oncebox.wake(array(select n.id
                               from oncebox.notification as n
                               join graphile_worker._private_jobs as j
                                 on j.key = 'oncebox:' || n.id
                              where n.state = 'pending' and n.due_at <= now()
                                and j.run_at > now() + interval '1 second'), now())`,
];

const HURRY = [
  `select oncebox.wake(array(select id from oncebox.notification
                              where state = 'pending' and (due_at <= now() or random() < 0.2)
                              order by id limit 500))`,
  "select oncebox.sweep()",
];

/** Waits until nothing is on its way any more; false when nothing has moved on for so long. */
export async function untilQuiet(pool: pg.Pool, patienceMs: number): Promise<boolean> {
  let fewest = Number.POSITIVE_INFINITY;
  let giveUpAt = performance.now() + patienceMs;
  while (performance.now() < giveUpAt) {
    const { rows } = await pool
      .query<{ open: number }>(OPEN)
      .catch(() => ({ rows: [{ open: Number.NaN }] }));
    const open = rows[0]?.open ?? Number.NaN;
    if (open === 0) return true;
    if (open < fewest) {
      fewest = open;
      giveUpAt = performance.now() + patienceMs;
    }
    await sleep(CHECK_EVERY_MS);
  }
  return false;
}

// An email in doubt waits for a person, and so does what was set aside.
const OPEN = `
  select count(*)::integer as open
    from oncebox.notification as n
   where n.state in ('pending', 'claimed')
      or (n.state = 'unknown' and n.channel = 'sms' and n.look_up_at is not null)`;
