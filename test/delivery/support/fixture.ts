import { type Kysely, sql } from "kysely";
import { pino } from "pino";
import { createMobizonChannel } from "../../../src/channels/mobizon.ts";
import type { Logger } from "../../../src/log.ts";
import type { NotificationId } from "../../../src/outbox/notification.ts";
import type { Channel } from "../../../src/outbox/outcome.ts";
import { type SandboxMobizon, startMobizon } from "../../../src/sandbox/mobizon.ts";
import { test as base } from "../../support/fixture.ts";
import { makeNotification } from "../../support/make.ts";

interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

interface Fixtures {
  /** Mobizon's stand-in, in this process. */
  readonly mobizon: SandboxMobizon;
  /** What a worker asks it through. */
  readonly sms: Channel;
  /** A logger, and what it was told. */
  readonly log: Logger & { readonly lines: LogLine[] };
}

export const test = base.extend<Fixtures>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of the fixtures used from the pattern
  mobizon: async ({}, use) => {
    await using mobizon = await startMobizon();
    await use(mobizon);
  },
  sms: async ({ mobizon }, use) => {
    const { url: apiUrl, apiKey } = mobizon;
    await use(createMobizonChannel({ apiUrl, apiKey, mode: "campaign" }));
  },
  // biome-ignore lint/correctness/noEmptyPattern: as above
  log: async ({}, use) => {
    const lines: LogLine[] = [];
    const write = (line: string) => lines.push(JSON.parse(line) as LogLine);
    await use(Object.assign(pino({ level: "debug", base: null }, { write }), { lines }));
  },
});

/** An SMS that was sent with these ids of the provider's, and is to be asked about now. */
export async function makeFollowed(
  db: Kysely<unknown>,
  { messageId = "200", campaignId = "100" as string | null, delivery = null as string | null } = {},
): Promise<NotificationId> {
  const id = await makeNotification(db, { state: "sent" });
  await sql`
    update oncebox.notification
       set provider_ref = ${messageId},
           message_id = case when ${campaignId}::text is not null then ${messageId} end,
           campaign_id = ${campaignId}, delivery = ${delivery}, delivery_look_at = now()
     where id = ${id}`.execute(db);
  return id;
}

export interface DeliveryRow {
  readonly state: string;
  readonly delivery: string | null;
  readonly detail: string | null;
  readonly checks: number;
  /** Until the next look; null = there is none. */
  readonly lookInMs: number | null;
  readonly segments: number | null;
  readonly cost: string | null;
  readonly hasNoReport: boolean;
}

export async function deliveryOf(db: Kysely<unknown>, id: string): Promise<DeliveryRow> {
  const { rows } = await sql<DeliveryRow>`
    select state, delivery, delivery_detail as detail, delivery_checks as checks, segments, cost::text as cost,
           has_no_report as "hasNoReport",
           (extract(epoch from delivery_look_at - clock_timestamp()) * 1000)::float8 as "lookInMs"
      from oncebox.notifications where id = ${id}::bigint`.execute(db);
  if (rows[0] === undefined) throw new Error(`no notification ${id}`);
  return rows[0];
}

/** Makes whatever is followed due for a look. */
export async function hurry(db: Kysely<unknown>): Promise<void> {
  await sql`
    update oncebox.notification set delivery_look_at = now() where delivery_look_at is not null`.execute(
    db,
  );
}
