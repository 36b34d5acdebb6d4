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

export interface SettleRequest {
  readonly key: AttemptKey;
  readonly outcome: SendOutcome;
  readonly history: History;
}

/**
 * Writes down what attempts told us and moves each row if it still may. Safe to repeat. See
 * `sql/functions/settle_each.sql`.
 *
 * @param requests - One a notification.
 * @returns One answer a request, in order; undefined = somebody holds its rows just now.
 */
export async function settleEach(
  db: Kysely<unknown>,
  requests: readonly SettleRequest[],
): Promise<(Settled | undefined)[]> {
  const { rows } = await sql<SettledRow & { notification_id: NotificationId }>`
    select * from oncebox.settle_each(${JSON.stringify(requests.map(toTold))}::jsonb)`.execute(db);
  const settled = new Map(rows.map((it) => [it.notification_id, toSettled(it)]));
  return requests.map(({ key }) => settled.get(key.notificationId));
}

/** `settleEach` for one, and what somebody holds is waited for. See `sql/functions/settle.sql`. */
export async function settle(
  db: Kysely<unknown>,
  key: AttemptKey,
  outcome: SendOutcome,
  history: History,
): Promise<Settled> {
  const told = Object.entries(toTold({ key, outcome, history }));
  const { rows } = await sql<SettledRow>`
    select * from oncebox.settle(${sql.join(told.map(([name, value]) => sql`${sql.ref(name)} => ${value}`))})`.execute(
    db,
  );
  const row = rows[0];
  if (row === undefined) throw new TypeError("oncebox.settle answered no row");
  return toSettled(row);
}

interface SettledRow {
  readonly moved: boolean;
  readonly now_state: State;
}

function toSettled({ moved, now_state: state }: SettledRow): Settled {
  return { moved, state };
}

/** As `oncebox.settle` names its arguments. */
function toTold({ key, outcome, history }: SettleRequest) {
  const next = decide(outcome, history);
  const accepted = outcome.kind === "accepted" ? outcome : null;
  const trouble = outcome.kind === "accepted" ? null : outcome;
  return {
    notification_id: key.notificationId,
    attempt: key.attempt,
    outcome: outcome.kind,
    state: next.state,
    code: trouble?.code ?? null,
    detail: trouble?.detail ?? null,
    provider_ref: accepted?.providerRef ?? null,
    campaign_id: accepted?.campaignId ?? null,
    delivery: accepted?.delivery ?? null,
    retry_in: milliseconds(next.retryInMs),
    counts: next.counts,
    pause_for: milliseconds(next.pauseMs),
    pauses: history.pauses,
  };
}

export interface DraftRequest {
  readonly key: AttemptKey;
  readonly draft: Draft;
}

/**
 * Commits the provider's ids of drafts. Safe to repeat. See `sql/functions/keep_draft_each.sql`.
 *
 * @param requests - One a notification.
 * @returns One answer a request, in order: false when the attempt no longer holds the claim,
 *   undefined = somebody holds its row just now.
 */
export async function keepDraftEach(
  db: Kysely<unknown>,
  requests: readonly DraftRequest[],
): Promise<(boolean | undefined)[]> {
  const { rows } = await sql<{ notification_id: NotificationId; kept: boolean }>`
    select * from oncebox.keep_draft_each(
      ${requests.map((it) => it.key.notificationId)}::bigint[], ${requests.map((it) => it.key.attempt)}::integer[],
      ${requests.map((it) => it.draft.campaignId)}::text[], ${requests.map((it) => it.draft.messageId)}::text[])`.execute(
    db,
  );
  const kept = new Map(rows.map((it) => [it.notification_id, it.kept]));
  return requests.map(({ key }) => kept.get(key.notificationId));
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
