import { createHash, randomBytes } from "node:crypto";
import { type Kysely, sql } from "kysely";
import { refusable } from "../db/errors.ts";

/**
 * What a token's holder may do.
 *
 * - `write`    register leads
 * - `read`     look, masked
 * - `operate`  cancel, retry, resolve, reveal a person's data
 * - `admin`    change texts, send tests, open a paused channel
 */
export const SCOPES = ["write", "read", "operate", "admin"] as const;
export type Scope = (typeof SCOPES)[number];

export interface Token {
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Of every lead that is registered with it; null = the lead says it. */
  readonly source: string | null;
}

interface NewToken {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly source: string;
  /** Null = until it is revoked. */
  readonly expiresAt: Date | null;
  readonly actor: string;
}

/** So that one who finds it in a log or a repository knows what it is. */
const PREFIX = "oncebox_";

/** 256 random bits, so its hash needs no salt. */
function makeSecret(): string {
  return PREFIX + randomBytes(32).toString("base64url");
}

export function hashSecret(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}

/**
 * @returns The secret, which is kept nowhere.
 * @throws OnceboxError `ONCEBOX_MOVE_REFUSED` - there is or was a token of that name.
 */
export async function makeToken(db: Kysely<unknown>, token: NewToken): Promise<string> {
  const secret = makeSecret();
  await refusable(
    sql`
      select oncebox.make_token(
        ${token.name}, ${hashSecret(secret)}::bytea, ${token.scopes}::text[], ${token.source},
        ${token.expiresAt}::timestamptz, ${token.actor})`.execute(db),
  );
  return secret;
}

/** @throws OnceboxError `ONCEBOX_NOT_FOUND`. */
export async function revokeToken(
  db: Kysely<unknown>,
  name: string,
  actor: string,
  reason: string,
): Promise<void> {
  await refusable(sql`select oncebox.revoke_token(${name}, ${actor}, ${reason})`.execute(db));
}

/** Of the tokens with these hashes those that are good; `key` is the hash. */
export async function useTokens(
  db: Kysely<unknown>,
  hashes: readonly Buffer[],
): Promise<(Token & { readonly key: Buffer })[]> {
  const { rows } = await sql<Token & { key: Buffer }>`
    select given.hash as key, t.name, t.scopes, t.source
      from unnest(${hashes}::bytea[]) as given (hash)
     cross join lateral oncebox.use_token(given.hash) as t`.execute(db);
  return rows;
}

/** Signs somebody in. @returns What the cookie holds; only its hash is kept. */
export async function openSession(
  db: Kysely<unknown>,
  tokenHash: Buffer,
  actor: string,
): Promise<string> {
  const secret = randomBytes(32).toString("base64url");
  await sql`select oncebox.open_session(${hashSecret(secret)}::bytea, ${tokenHash}::bytea, ${actor})`.execute(
    db,
  );
  return secret;
}

interface Session {
  /** Of the token that it was opened with; null when it is over. */
  readonly tokenHash: Buffer | null;
}

/** The sessions with these hashes; `key` is the hash. */
export async function useSessions(
  db: Kysely<unknown>,
  hashes: readonly Buffer[],
): Promise<(Session & { readonly key: Buffer })[]> {
  const { rows } = await sql<Session & { key: Buffer }>`
    select given.hash as key, oncebox.use_session(given.hash) as "tokenHash"
      from unnest(${hashes}::bytea[]) as given (hash)`.execute(db);
  return rows;
}

/** Of the sessions with these hashes those that are not over; keeps none alive. `key` is the hash. */
export async function checkSessions(
  db: Kysely<unknown>,
  hashes: readonly Buffer[],
): Promise<{ readonly key: Buffer }[]> {
  const { rows } = await sql<{ key: Buffer }>`
    select given.hash as key
      from unnest(${hashes}::bytea[]) as given (hash)
     where oncebox.check_session(given.hash)`.execute(db);
  return rows;
}

export async function closeSession(db: Kysely<unknown>, secret: string): Promise<void> {
  await sql`select oncebox.close_session(${hashSecret(secret)}::bytea)`.execute(db);
}
