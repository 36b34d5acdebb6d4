import type pg from "pg";
import type { Gateways } from "../sandbox/gateways.ts";
import {
  type AttemptRow,
  type Evidence,
  type GoneWorker,
  landedOf,
  type NotificationRow,
} from "./judge.ts";
import type { People } from "./people.ts";

/** Reads both sides. Nobody may be sending any more. */
export async function collect(
  pool: pg.Pool,
  gateways: Gateways,
  people: People,
): Promise<Evidence> {
  const [rows, leads, gone, { sms, email }] = await Promise.all([
    pool.query<Omit<NotificationRow, "attempts"> & { attempts: readonly AttemptJson[] }>(ROWS),
    pool.query<{ id: string }>("select id from public.landing_leads"),
    pool.query<GoneWorker>(GONE),
    gateways.messages(),
  ]);
  return {
    people: people.committed,
    rolledBack: people.rolledBack,
    leadIds: leads.rows.map(({ id }) => id),
    rows: rows.rows.map((row) => ({ ...row, attempts: row.attempts.map(toAttempt) })),
    landed: landedOf(sms, email),
    gone: gone.rows,
  };
}

/** Its times are text: they went through JSON. */
type AttemptJson = Omit<AttemptRow, "startedAt" | "deadlineAt" | "endedAt"> & {
  readonly startedAt: string;
  readonly deadlineAt: string;
  readonly endedAt: string | null;
};

function toAttempt(row: AttemptJson): AttemptRow {
  return {
    ...row,
    startedAt: new Date(row.startedAt),
    deadlineAt: new Date(row.deadlineAt),
    endedAt: row.endedAt === null ? null : new Date(row.endedAt),
  };
}

const GONE = `
  select pid, started_at as "startedAt", gone_at as "goneAt"
    from oncebox.worker
   where gone_at is not null`;

const ROWS = `
  select n.id::text, n.lead_id as "leadId", n.channel, n.recipient, n.state, n.state_reason as reason,
         n.attempt, n.provider_ref as "providerRef", n.look_up_at is not null as "isAsked",
         case n.channel when 'sms' then l.sms_sent else l.email_sent end as flag,
         case n.channel when 'sms' then l.sms_sent_at else l.email_sent_at end as "flagAt",
         coalesce(a.attempts, '[]') as attempts
    from oncebox.notification as n
    join public.landing_leads as l
      on l.id = n.lead_id
    left join lateral (
      select json_agg(json_build_object(
               'attempt', a.attempt, 'outcome', a.outcome, 'code', a.code, 'startedAt', a.started_at,
               'deadlineAt', a.deadline_at, 'endedAt', a.ended_at, 'workerPid', w.pid) order by a.attempt) as attempts
        from oncebox.attempt as a
        left join oncebox.worker as w
          on w.id = a.worker_id
       where a.notification_id = n.id) as a on true`;
