import { type Kysely, sql } from "kysely";
import type { ChannelName } from "../outbox/notification.ts";

export interface TemplateView {
  readonly kind: string;
  readonly channel: ChannelName;
  /** Of emails only. */
  readonly subject: string | null;
  readonly body: string;
  /** Those without a default: registration wants them. */
  readonly variables: readonly string[];
  readonly updatedAt: Date;
}

export interface Draft {
  readonly channel: ChannelName;
  readonly subject: string | null;
  readonly body: string;
  readonly name: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface Preview {
  readonly subject: string | null;
  readonly body: string;
  readonly characters: number;
  /** How many SMS it is paid as; null for an email. */
  readonly segments: number | null;
  /** Variables without a default that nobody brought. */
  readonly missing: readonly string[];
}

export async function listTemplates(db: Kysely<unknown>): Promise<TemplateView[]> {
  const { rows } = await sql<TemplateView>`
    select kind, channel, subject, body, variables, updated_at as "updatedAt"
      from oncebox.templates
     order by kind, channel desc`.execute(db);
  return rows;
}

/** What a person would get. */
export async function previewText(
  db: Kysely<unknown>,
  { channel, subject, body, name, data }: Draft,
): Promise<Preview> {
  const { rows } = await sql<Preview>`
    select rendered_subject as subject, rendered_body as body, length(rendered_body) as characters,
           segments, missing
      from oncebox.preview_text(${channel}, ${subject}, ${body}, ${name}, ${JSON.stringify(data)}::jsonb)`.execute(
    db,
  );
  return rows[0] as Preview;
}

/** What the provider last charged for a part of an SMS; null = it has not told. */
export async function readPrice(
  db: Kysely<unknown>,
): Promise<{ readonly perSegment: number; readonly currency: string } | null> {
  const { rows } = await sql<{ perSegment: number; currency: string }>`
    select segment_price::float8 as "perSegment", balance_currency as currency
      from oncebox.queue
     where channel = 'sms' and segment_price is not null and balance_currency is not null`.execute(
    db,
  );
  return rows[0] ?? null;
}
