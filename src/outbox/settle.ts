import { type Kysely, sql } from "kysely";
import type { NotificationId, State } from "./notification.ts";
import type { Draft, SendOutcome } from "./outcome.ts";
import { decide, type History } from "./policy.ts";

export interface AttemptKey {
  readonly notificationId: NotificationId;
  /** Counts from 1; the fence. */
  readonly attempt: number;
}

export interface Settled {
  /** False when the attempt no longer owns the row: what it learned is kept on its own record. */
  readonly moved: boolean;
  readonly state: State;
}

/** Writes down what an attempt told us and moves the row if it still may. Safe to repeat. See `sql/functions/settle.sql`. */
export async function settle(
  db: Kysely<unknown>,
  key: AttemptKey,
  outcome: SendOutcome,
  history: History,
): Promise<Settled> {
  const next = decide(outcome, history);
  const accepted = outcome.kind === "accepted" ? outcome : null;
  const trouble = outcome.kind === "accepted" ? null : outcome;
  const { rows } = await sql<{ moved: boolean; now_state: State }>`
    select * from oncebox.settle(
      notification_id => ${key.notificationId}::bigint,
      attempt         => ${key.attempt}::integer,
      outcome         => ${outcome.kind}::text,
      state           => ${next.state}::text,
      code            => ${trouble?.code ?? null}::text,
      detail          => ${trouble?.detail ?? null}::text,
      provider_ref    => ${accepted?.providerRef ?? null}::text,
      campaign_id     => ${accepted?.campaignId ?? null}::text,
      delivery        => ${accepted?.delivery ?? null}::text,
      retry_in        => ${milliseconds(next.retryInMs)}::interval,
      counts          => ${next.counts}::boolean,
      pause_for       => ${milliseconds(next.pauseMs)}::interval,
      pauses          => ${history.pauses}::integer)`.execute(db);
  const row = rows[0];
  if (row === undefined) throw new TypeError("oncebox.settle answered no row");
  return { moved: row.moved, state: row.now_state };
}

/** Commits the provider's ids of a draft; false when the attempt no longer holds the claim. */
export async function keepDraft(
  db: Kysely<unknown>,
  key: AttemptKey,
  draft: Draft,
): Promise<boolean> {
  const { rows } = await sql<{ kept: boolean }>`
    select oncebox.keep_draft(
      ${key.notificationId}::bigint, ${key.attempt}::integer,
      ${draft.campaignId}::text, ${draft.messageId}::text) as kept`.execute(db);
  return rows[0]?.kept === true;
}

/** Gives a claim back before anything irreversible was tried; false when it is no longer held. */
export async function release(
  db: Kysely<unknown>,
  key: AttemptKey,
  reason: string,
): Promise<boolean> {
  const { rows } = await sql<{ released: boolean }>`
    select oncebox.release(
      ${key.notificationId}::bigint, ${key.attempt}::integer, ${reason}::text) as released`.execute(
    db,
  );
  return rows[0]?.released === true;
}

function milliseconds(value: number | null): string | null {
  return value === null ? null : `${value} milliseconds`;
}
