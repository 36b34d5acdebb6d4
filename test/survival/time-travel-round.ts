import { type Kysely, sql } from "kysely";
import type { Gateways } from "../../src/sandbox/gateways.ts";
import { connect } from "../outbox/support/epoch.ts";
import { makeLeads, phoneOf, register, tally } from "../support/leads.ts";
import { until } from "../support/until.ts";
import type { Address } from "./time-travel-address.ts";
import type { Clusters, Node } from "./time-travel-pair.ts";

/** What came of one promotion. */
export interface Round {
  readonly timeline: string;
  /** Sent on the primary, and unsent, due and unflagged on the standby once it was promoted: the real loss. */
  readonly lost: number;
  /** Of those, by the gateway's ledger: one SMS, one email a person and no more. */
  readonly duplicateSms: number;
  readonly duplicateEmails: number;
  /** SMS that were found at the provider: cancelled as already sent, the lead's flag set. */
  readonly foundSms: number;
  /** Emails that are held and shown. */
  readonly heldEmails: number;
  /** Leads that came in after it: sent, and how long that took from their registration. */
  readonly newSent: number;
  readonly newSentInMs: number;
  /** From the promotion until the worker had noticed. */
  readonly noticedInMs: number;
}

/** In each round: sent before the standby was cut off, and sent after it; came in after it; came in after the promotion. */
const SIZES = { before: 2, lost: 5, unheard: 3, after: 2 } as const;
/** Long enough to cut the standby off before they are due. */
const DUE_IN_MS = 2_000;

export interface Stage {
  readonly clusters: Clusters;
  readonly address: Address;
  readonly gateways: Gateways;
  readonly database: string;
  /** Called between the loss and the new primary's being there. */
  readonly onLoss?: () => Promise<void>;
}

/**
 * A worker sends by `address` while this goes on: the standby is cut off, more is sent, the primary
 * is ended at once, and the standby is promoted.
 *
 * @returns The new primary; the address leads to nobody.
 */
export async function loseSends(
  { clusters, address, database, onLoss }: Stage,
  primary: Node,
  number: number,
): Promise<Node> {
  const people = peopleOf(number);
  const standby = await clusters.follow(primary);
  const old = connect(primary.urlTo(database));
  await register(old.db, people("before", new Date()));
  await until("those before are sent", async () => (await unsentOf(old.db)) === 0);

  await register(old.db, people("lost", new Date(Date.now() + DUE_IN_MS)));
  await clusters.freezeReplication(primary);
  if ((await unsentOf(old.db)) !== 2 * SIZES.lost)
    throw new Error("the standby was cut off too late");
  await register(old.db, people("unheard", new Date()));
  await until("those that the standby never heard of are sent", async () => {
    return (await unsentOf(old.db)) === 0;
  });
  await old.end();

  address.lead(null);
  await primary.stop("immediate");
  await onLoss?.();
  await clusters.promote(standby);
  return standby;
}

/**
 * The same, and the address leads to the new primary.
 *
 * @returns It, and what came of it.
 */
export async function promoteOnce(
  stage: Stage,
  primary: Node,
  number: number,
): Promise<{ readonly primary: Node; readonly round: Round }> {
  const { address, gateways, database } = stage;
  const people = peopleOf(number);
  const standby = await loseSends(stage, primary, number);
  const promotedAt = performance.now();
  const db = connect(standby.urlTo(database));
  const lost = await lostOf(db.db);
  address.lead(standby.port);

  await until("the worker has noticed", async () => (await healthOf(db.db)).held > 0);
  const noticedInMs = Math.round(performance.now() - promotedAt);
  const registeredAt = performance.now();
  const newLeads = await register(db.db, people("after", new Date()));
  await until(
    "the new ones are sent",
    async () => (await sentOf(db.db, newLeads)) === 2 * SIZES.after,
  );
  const newSentInMs = Math.round(performance.now() - registeredAt);
  await until(
    "the SMS are found",
    async () => (await foundOf(db.db, people("lost"))) === SIZES.lost,
  );

  const { sms, email } = await gateways.messages();
  const round: Round = {
    timeline: await timelineOf(db.db),
    lost,
    duplicateSms: repeated(sms.map((it) => it.to)),
    duplicateEmails: repeated(email.flatMap((it) => it.to)),
    foundSms: await foundOf(db.db, people("lost")),
    heldEmails: (await healthOf(db.db)).held,
    newSent: await sentOf(db.db, newLeads),
    newSentInMs,
    noticedInMs,
  };
  await db.end();
  return { primary: standby, round };
}

/** What `round` has to be; the numbers of the promise. */
export const WANTED = {
  lost: 2 * SIZES.lost,
  duplicateSms: 0,
  duplicateEmails: 0,
  foundSms: SIZES.lost,
  heldEmails: SIZES.lost,
  newSent: 2 * SIZES.after,
} as const;

/** A person says of each held email that it went out, as the sink's record shows. */
export async function settleHeldEmails(db: Kysely<unknown>): Promise<void> {
  await sql`select oncebox.resolve(n.id, 'sent', 'test', 'seen in the mailbox') from oncebox.notification as n where n.is_held`.execute(
    db,
  );
}

/** SMS and email of every lead of all rounds so far, and how many of each landed. */
export async function landedOnce(gateways: Gateways, rounds: number): Promise<boolean> {
  const { sms, email } = await gateways.messages();
  const people = rounds * Object.values(SIZES).reduce((sum, it) => sum + it, 0);
  return [sms.map((it) => it.to), email.flatMap((it) => it.to)].every((all) => {
    const counts = Object.values(tally(all));
    return counts.length === people && counts.every((it) => it === 1);
  });
}

function peopleOf(round: number) {
  const groups = Object.keys(SIZES) as (keyof typeof SIZES)[];
  return (group: keyof typeof SIZES, dueAt = new Date()) => {
    const first = round * 100 + groups.indexOf(group) * 20;
    return makeLeads(SIZES[group], { dueAt }).map((lead, index) => ({
      ...lead,
      phone: phoneOf(first + index),
      email: `lead${first + index}@example.kz`,
      idempotencyKey: `lead-${first + index}`,
    }));
  };
}

async function unsentOf(db: Kysely<unknown>): Promise<number> {
  return await count(
    db,
    sql`select from oncebox.notification where state not in ('sent', 'cancelled')`,
  );
}

async function lostOf(db: Kysely<unknown>): Promise<number> {
  return await count(
    db,
    sql`select
          from oncebox.notification as n
          join public.landing_leads as l on l.id = n.lead_id
         where n.state = 'pending' and n.attempt = 0 and not n.is_held and n.due_at <= clock_timestamp()
           and not case n.channel when 'sms' then l.sms_sent else l.email_sent end`,
  );
}

async function sentOf(db: Kysely<unknown>, leads: readonly string[]): Promise<number> {
  return await count(
    db,
    sql`select from oncebox.notification where state = 'sent' and lead_id = any (${leads}::uuid[])`,
  );
}

async function foundOf(
  db: Kysely<unknown>,
  people: readonly { readonly phone: string }[],
): Promise<number> {
  return await count(
    db,
    sql`select
          from oncebox.notification as n
          join public.landing_leads as l on l.id = n.lead_id
         where n.channel = 'sms' and n.state = 'cancelled' and n.state_reason = 'already_sent'
           and l.sms_sent and n.recipient = any (${people.map((it) => it.phone)}::text[])`,
  );
}

async function healthOf(db: Kysely<unknown>): Promise<{ held: number }> {
  const { rows } = await sql<{
    held: number;
  }>`select held::integer as held from oncebox.health`.execute(db);
  return rows[0] ?? { held: 0 };
}

async function timelineOf(db: Kysely<unknown>): Promise<string> {
  const { rows } = await sql<{ timeline: string }>`select timeline from oncebox.setting`.execute(
    db,
  );
  return rows[0]?.timeline ?? "";
}

async function count(db: Kysely<unknown>, rowsOf: ReturnType<typeof sql>): Promise<number> {
  const { rows } = await sql<{
    count: number;
  }>`select count(*)::integer as count from (${rowsOf}) as it`.execute(db);
  return rows[0]?.count ?? 0;
}

function repeated(all: readonly string[]): number {
  return Object.values(tally(all)).reduce((sum, it) => sum + it - 1, 0);
}
