import { type Kysely, sql } from "kysely";

/** What somebody did, and why. */
export interface ActView {
  readonly id: string;
  readonly at: Date;
  readonly actor: string;
  readonly action: string;
  readonly leadId: string | null;
  readonly notificationId: string | null;
  readonly fromState: string | null;
  readonly toState: string | null;
  readonly subject: string | null;
  readonly reason: string;
}

/** The newest first. @param before - Only those that are older than this one. */
export async function listActs(
  db: Kysely<unknown>,
  { before, limit }: { readonly before: string | undefined; readonly limit: number },
): Promise<ActView[]> {
  const { rows } = await sql<ActView>`
    select id::text as id, at, actor, action, lead_id as "leadId", notification_id::text as "notificationId",
           from_state as "fromState", to_state as "toState", subject, reason
      from oncebox.acts
     where ${before ?? null}::bigint is null
        or id < ${before ?? null}::bigint
     order by acts.id desc
     limit ${limit}`.execute(db);
  return rows;
}
