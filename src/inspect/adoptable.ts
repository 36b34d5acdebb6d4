import { type Kysely, sql } from "kysely";
import type { ChannelName } from "../outbox/notification.ts";

/** Which leads, and what they would get. Both ends are ISO times. */
export interface AdoptionWindow {
  readonly since: string;
  readonly until: string;
  readonly kind: string;
  readonly channels: readonly ChannelName[];
}

/** What `oncebox.adoptable_leads` says of a lead and channel; `adopt` = it would be taken over. */
export const VERDICTS = [
  "adopt",
  "has_row",
  "pruned",
  "already_sent",
  "no_recipient",
  "bad_recipient",
  "no_template",
  "variable_missing",
] as const;
type Verdict = (typeof VERDICTS)[number];

/** One that would be taken over. */
interface Example {
  readonly leadId: string;
  readonly createdAt: Date;
  readonly channel: ChannelName;
  /** Masked. */
  readonly recipient: string;
}

export interface Adoptable {
  /** Leads that would get at least one notification. */
  readonly leads: number;
  readonly counts: Readonly<Record<ChannelName, Readonly<Record<Verdict, number>>>>;
  /** The oldest few. */
  readonly examples: readonly Example[];
}

const EXAMPLES = 5;

/**
 * Reads `2 days`, `24h` or a time, and the database's own now: the window from one to the other.
 * `since` is null when the text is neither.
 */
export async function readWindow(
  db: Kysely<unknown>,
  since: string,
): Promise<{ since: string | null; until: string }> {
  const { rows } = await sql<{ since: Date | null; until: Date }>`
    select oncebox.parse_since(${since}) as since, now() as until`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new TypeError("oncebox.parse_since answered no row");
  return { since: row.since?.toISOString() ?? null, until: row.until.toISOString() };
}

/** The time that a person wrote, as an ISO time; null when it is none. `now` is the database's. */
export async function readTime(db: Kysely<unknown>, text: string): Promise<string | null> {
  const { rows } = await sql<{ at: Date | null }>`
    select oncebox.parse_time(${text}) as at`.execute(db);
  return rows[0]?.at?.toISOString() ?? null;
}

/** What taking over would do, and what it would leave alone and why. Changes nothing. */
export async function readAdoptable(
  db: Kysely<unknown>,
  { since, until, kind, channels }: AdoptionWindow,
): Promise<Adoptable> {
  const adoptable = sql`oncebox.adoptable_leads(${since}::timestamptz, ${until}::timestamptz, ${kind}, ${channels}::text[])`;
  const counted = await sql<{ channel: ChannelName; verdict: Verdict; count: number }>`
    select a.channel, a.verdict, count(*)::integer as count from ${adoptable} as a group by 1, 2`.execute(
    db,
  );
  const leads = await sql<{ count: number }>`
    select count(distinct a.lead_id)::integer as count from ${adoptable} as a where a.verdict = 'adopt'`.execute(
    db,
  );
  const { rows: examples } = await sql<Example>`
    select a.lead_id as "leadId", a.created_at as "createdAt", a.channel, a.recipient
      from ${adoptable} as a
     where a.verdict = 'adopt'
     order by a.created_at, a.lead_id, a.channel
     limit ${EXAMPLES}`.execute(db);
  const countOf = (channel: ChannelName) =>
    Object.fromEntries(
      VERDICTS.map((verdict) => [
        verdict,
        counted.rows.find((it) => it.channel === channel && it.verdict === verdict)?.count ?? 0,
      ]),
    ) as Record<Verdict, number>;
  return {
    leads: leads.rows[0]?.count ?? 0,
    counts: { sms: countOf("sms"), email: countOf("email") },
    examples,
  };
}
