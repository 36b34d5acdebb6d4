import { randomUUID } from "node:crypto";
import { type Kysely, sql } from "kysely";
import { type Claim, type ClaimRequest, claim } from "../../src/outbox/claim.ts";
import {
  type ChannelName,
  type NotificationId,
  parseNotificationId,
  type State,
} from "../../src/outbox/notification.ts";
import type { Draft } from "../../src/outbox/outcome.ts";
import { type AttemptKey, keepDraftEach } from "../../src/outbox/settle.ts";
import { makeWorkerName, signOn } from "../../src/outbox/worker-row.ts";

export interface Wanted {
  readonly state?: State;
  readonly channel?: ChannelName;
  /** Default: the least that the state goes with. */
  readonly attempt?: number;
  /** Default 0; negative = due since then. */
  readonly dueInMs?: number;
  readonly expiresInMs?: number;
  /** For `claimed`; default a minute. */
  readonly leaseMs?: number;
  /** Whether the open attempt of `claimed` may have sent something; default true. */
  readonly irreversible?: boolean;
  readonly draft?: boolean;
  readonly failures?: number;
  readonly deaths?: number;
  /** Whether the worker that made the last attempt is gone. */
  readonly holderIsGone?: boolean;
  readonly isHeld?: boolean;
  readonly body?: string | null;
  readonly leadId?: string;
}

export async function makeLead(
  db: Kysely<unknown>,
  lead: { readonly name?: string; readonly phone?: string; readonly email?: string } = {},
): Promise<string> {
  const { name = "Айгерим", phone = "+77771234567", email = "a@example.kz" } = lead;
  const { rows } = await sql<{ id: string }>`
    insert into public.landing_leads (name, phone, email) values (${name}, ${phone}, ${email}) returning id`.execute(
    db,
  );
  return (rows[0] as { id: string }).id;
}

/** A worker that lives as long as the pool's connection that holds its lock; `isGone`: one without. */
export async function makeWorker(
  db: Kysely<unknown>,
  { isGone = false }: { readonly isGone?: boolean } = {},
): Promise<string> {
  const name = makeWorkerName();
  if (!isGone) await sql`select pg_advisory_lock(${name.lockKey}::bigint)`.execute(db);
  await signOn(db, name, "test");
  return name.id;
}

/** A notification as it would be after the moves that lead to its state, its lead's flag and attempt included. */
export async function makeNotification(
  db: Kysely<unknown>,
  wanted: Wanted = {},
): Promise<NotificationId> {
  const { state = "pending", channel = "sms", draft = false } = wanted;
  const attempt = wanted.attempt ?? (state === "pending" || state === "cancelled" ? 0 : 1);
  const leadId = wanted.leadId ?? (await makeLead(db));
  const workerId = await makeWorker(db, { isGone: wanted.holderIsGone === true });
  const isFinal = ["sent", "failed", "cancelled"].includes(state);
  const { rows } = await sql<{ id: string }>`
    insert into oncebox.notification
      (lead_id, channel, recipient, subject, body, state, state_reason, attempt, failures, worker_id,
       lease_until, due_at, expires_at, settled_at, campaign_id, message_id, deaths, is_held, look_up_at)
    values (
      ${leadId}, ${channel}, ${channel === "sms" ? "+77771234567" : "a@example.kz"},
      ${channel === "email" ? "Тема" : null}, ${wanted.body === undefined ? "Текст" : wanted.body},
      ${state}, ${["failed", "unknown", "cancelled"].includes(state) ? "for_a_test" : null},
      ${attempt}, ${wanted.failures ?? 0}, ${attempt > 0 ? workerId : null},
      case when ${state} = 'claimed' then now() + ${`${wanted.leaseMs ?? 60_000} ms`}::interval end,
      now() + ${`${wanted.dueInMs ?? 0} ms`}::interval,
      now() + ${wanted.expiresInMs === undefined ? null : `${wanted.expiresInMs} ms`}::interval,
      case when ${isFinal} then now() end,
      ${draft ? "100" : null}, ${draft ? "200" : null},
      ${wanted.deaths ?? 0}, ${wanted.isHeld ?? false},
      case when ${state} = 'unknown' or ${wanted.isHeld ?? false} then now() end)
    returning id::text`.execute(db);
  const id = parseNotificationId(rows[0]?.id);
  for (let number = 1; number <= attempt; number++) {
    const isLast = number === attempt;
    await sql`
      insert into oncebox.attempt (notification_id, attempt, worker_id, deadline_at, sending_at, ended_at, outcome)
      values (${id}, ${number}, ${workerId}, now(), ${wanted.irreversible === false && isLast ? null : sql`now()`},
              ${isLast && state === "claimed" ? null : sql`now()`},
              ${outcomeOf(isLast ? state : "pending")})`.execute(db);
  }
  if (attempt > 0 && ["claimed", "unknown", "sent"].includes(state)) {
    await sql`select oncebox.put_flag(${leadId}::uuid, ${channel}, true, ${state === "sent" ? sql`now()` : null})`.execute(
      db,
    );
  }
  return id;
}

function outcomeOf(state: State): string | null {
  switch (state) {
    case "claimed":
      return null;
    case "sent":
      return "accepted";
    case "failed":
      return "rejected";
    case "unknown":
      return "unknown";
    default:
      return "not_sent";
  }
}

export interface RowState {
  readonly state: State;
  readonly stateReason: string | null;
  readonly attempt: number;
  readonly failures: number;
  /** The lead's flag for the row's channel. */
  readonly flag: boolean;
  readonly hasFlagTime: boolean;
}

export async function rowOf(db: Kysely<unknown>, id: string): Promise<RowState> {
  const { rows } = await sql<RowState>`
    select n.state, n.state_reason as "stateReason", n.attempt, n.failures,
           case n.channel when 'sms' then l.sms_sent else l.email_sent end as flag,
           case n.channel when 'sms' then l.sms_sent_at else l.email_sent_at end is not null as "hasFlagTime"
      from oncebox.notification as n
      join public.landing_leads as l on l.id = n.lead_id
     where n.id = ${id}::bigint`.execute(db);
  if (rows[0] === undefined) throw new Error(`no notification ${id}`);
  return rows[0];
}

export async function stateOf(db: Kysely<unknown>, id: string): Promise<State> {
  return (await rowOf(db, id)).state;
}

/** What each attempt ended as, the first one first; null = still open. */
export async function outcomesOf(db: Kysely<unknown>, id: string): Promise<(string | null)[]> {
  const { rows } = await sql<{ outcome: string | null }>`
    select outcome from oncebox.attempt where notification_id = ${id}::bigint order by attempt`.execute(
    db,
  );
  return rows.map((it) => it.outcome);
}

/** The jobs that would wake a worker for it. */
export async function jobsOf(
  db: Kysely<unknown>,
  id: string,
): Promise<{ task: string; runAt: Date }[]> {
  const { rows } = await sql<{ task: string; runAt: Date }>`
    select task_identifier as task, run_at as "runAt" from graphile_worker.jobs
     where key = ${`oncebox:${id}`}`.execute(db);
  return rows;
}

/** Claims it as a worker of its own would; see `ClaimRequest`. */
export async function claimAs(
  db: Kysely<unknown>,
  notificationId: NotificationId,
  more: Partial<ClaimRequest> = {},
): Promise<Claim | null> {
  return await claim(db, {
    notificationId,
    workerId: await makeWorker(db),
    token: randomUUID(),
    leaseMs: 60_000,
    sendTimeoutMs: 30_000,
    perSecond: null,
    twoStep: false,
    ...more,
  });
}

/** Keeps a draft as the worker of that attempt would; undefined = somebody holds its row. */
export async function keepDraftOf(
  db: Kysely<unknown>,
  key: AttemptKey,
  draft: Draft,
): Promise<boolean | undefined> {
  const [isKept] = await keepDraftEach(db, [{ key, draft }]);
  return isKept;
}
