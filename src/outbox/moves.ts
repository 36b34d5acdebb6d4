import type { Kysely } from "kysely";
import { type Claim, type ClaimRequest, claimEach } from "./claim.ts";
import { gather } from "./gather.ts";
import type { NotificationId } from "./notification.ts";
import type { Draft, SendOutcome } from "./outcome.ts";
import type { History } from "./policy.ts";
import {
  type AttemptKey,
  type DraftRequest,
  keepDraftEach,
  release,
  type Settled,
  type SettleRequest,
  settleEach,
} from "./settle.ts";
import { traceOf } from "./trace-of.ts";
import { wake } from "./wake.ts";

/** What a send does to its row. Each is committed when it returns, and safe to repeat. */
export interface Moves {
  claim(request: ClaimRequest): Promise<Claim | null>;
  keepDraft(key: AttemptKey, draft: Draft): Promise<boolean>;
  settle(key: AttemptKey, outcome: SendOutcome, history: History): Promise<Settled>;
  release(key: AttemptKey, reason: string): Promise<boolean>;
  wake(notificationId: NotificationId): Promise<void>;
  /** Asked only while somebody records traces. */
  traceOf(notificationId: NotificationId): Promise<string | null>;
}

export function movesOn(db: Kysely<unknown>): Moves {
  const claim = gather<ClaimRequest, Claim | null>(
    (it) => it.notificationId,
    (requests) => claimEach(db, requests),
  );
  const keepDraft = gather<DraftRequest, boolean>(
    (it) => it.key.notificationId,
    (requests) => keepDraftEach(db, requests),
  );
  const settle = gather<SettleRequest, Settled>(
    (it) => it.key.notificationId,
    (requests) => settleEach(db, requests),
  );
  return {
    claim,
    keepDraft: (key, draft) => keepDraft({ key, draft }),
    settle: (key, outcome, history) => settle({ key, outcome, history }),
    release: (key, reason) => release(db, key, reason),
    wake: (notificationId) => wake(db, notificationId),
    traceOf: (notificationId) => traceOf(db, notificationId),
  };
}
