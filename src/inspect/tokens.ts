import { type Kysely, sql } from "kysely";
import type { Scope } from "../outbox/tokens.ts";

export interface TokenView {
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Of every lead that is registered with it. */
  readonly source: string;
  readonly createdAt: Date;
  readonly createdBy: string;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  readonly lastUsedAt: Date | null;
  readonly isGood: boolean;
}

/** Every token that was ever made, the newest first. */
export async function listTokens(db: Kysely<unknown>): Promise<TokenView[]> {
  const { rows } = await sql<TokenView>`
    select name, scopes, source, created_at as "createdAt", created_by as "createdBy",
           expires_at as "expiresAt", revoked_at as "revokedAt", last_used_at as "lastUsedAt",
           is_good as "isGood"
      from oncebox.tokens
     order by created_at desc, name`.execute(db);
  return rows;
}

/** Whether one was ever made: from then on nobody comes in without, also once all of them are over. */
export async function hasTokens(db: Kysely<unknown>): Promise<boolean> {
  const { rows } = await sql<{ has: boolean }>`
    select exists (select from oncebox.tokens) as has`.execute(db);
  return rows[0]?.has === true;
}
