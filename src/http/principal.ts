import { timingSafeEqual } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Kysely } from "kysely";
import { hasTokens } from "../inspect/tokens.ts";
import { persist } from "../outbox/persist.ts";
import { hashSecret, SCOPES, type Scope, type Token, useTokens } from "../outbox/tokens.ts";
import { HttpError } from "./problem.ts";
import { shareLookups, shareReading } from "./share.ts";

/** Who asks. */
export interface Principal extends Token {
  /** By which the token is found again; null where nobody has to say who they are. */
  readonly tokenHash: Buffer | null;
}

declare module "fastify" {
  interface FastifyRequest {
    /** Set once somebody has said who they are. */
    principal: Principal | null;
  }
  interface FastifyContextConfig {
    /** Whoever asks, their token is not even looked at. */
    isForAll?: boolean;
  }
}

export interface Gate {
  /**
   * Whether everybody who can connect may do everything: on loopback, while no token was ever made. As it
   * was a second ago at most; the first token ends it for good.
   *
   * @throws What the database answers instead: nobody is let in on what was so once.
   */
  isOpen(): Promise<boolean>;
  /** Who holds a token with this secret or its hash; null = nobody. Who does is known for five seconds. */
  recognise(secretOrHash: string | Buffer): Promise<Principal | null>;
}

/** A revoked token is good for so long. */
const REMEMBERED_MS = 5_000;
const MOST_REMEMBERED = 1_000;
/** Whether there is a token is asked once in so long, while nobody needs one. */
const FRESH_MS = 1_000;
/** A connection that breaks then refuses nobody. */
const SURELY_MS = 3_000;
const LOCAL: Principal = { name: "local", scopes: SCOPES, source: null, tokenHash: null };

export function createGate(
  db: Kysely<unknown>,
  settings: { readonly token: string | null; readonly isOpen: boolean },
): Gate {
  const masterHash = settings.token === null ? null : hashSecret(settings.token);
  /** Only good ones: what somebody makes up must not push them out. */
  const remembered = new Map<string, { until: number; principal: Principal }>();
  const findToken = shareLookups((hashes) => useTokens(db, hashes));

  async function find(hash: Buffer): Promise<Principal | null> {
    // Of equal length, so that it cannot throw, and in a time that tells nothing.
    if (masterHash !== null && timingSafeEqual(hash, masterHash)) {
      return { name: "ONCEBOX_TOKEN", scopes: SCOPES, source: null, tokenHash: hash };
    }
    const token = await findToken(hash);
    if (token === null) return null;
    const { name, scopes, source } = token;
    return { name, scopes, source, tokenHash: hash };
  }

  let { isOpen } = settings;
  const anyTokens = shareReading(() => persist(SURELY_MS, () => hasTokens(db)), FRESH_MS);

  return {
    async isOpen() {
      if (isOpen && (await anyTokens())) isOpen = false;
      return isOpen;
    },
    async recognise(secretOrHash) {
      const hash = typeof secretOrHash === "string" ? hashSecret(secretOrHash) : secretOrHash;
      const key = hash.toString("base64");
      const known = remembered.get(key);
      const now = performance.now();
      if (known !== undefined && known.until > now) return known.principal;
      remembered.delete(key);
      const principal = await find(hash);
      if (remembered.size >= MOST_REMEMBERED) remembered.clear();
      if (principal !== null) remembered.set(key, { until: now + REMEMBERED_MS, principal });
      return principal;
    },
  };
}

/** Reads the bearer token of every request; who shows none, or a wrong one, is nobody. */
export function readBearer(app: FastifyInstance, gate: Gate): void {
  app.decorateRequest("principal", null);
  app.addHook("onRequest", async (request) => {
    // A probe is answered while the tokens cannot be read.
    if (request.routeOptions.config.isForAll) return;
    const header = request.headers.authorization;
    if (header === undefined) {
      if (await gate.isOpen()) request.principal = LOCAL;
      return;
    }
    const [, secret] = /^Bearer ([\x21-\x7e]{1,300})$/i.exec(header) ?? [];
    request.principal = secret === undefined ? null : await gate.recognise(secret);
    if (request.principal === null)
      throw unauthenticated("the token is not known, or no longer good");
  });
}

/** Lets pass who may do this. */
export function requireScope(scope: Scope): (request: FastifyRequest) => Promise<void> {
  return async (request) => {
    principalOf(request, scope);
  };
}

/**
 * @throws HttpError 401 `ONCEBOX_UNAUTHENTICATED`, 403 `ONCEBOX_FORBIDDEN`.
 */
export function principalOf(request: FastifyRequest, scope: Scope): Principal {
  const { principal } = request;
  if (principal === null) throw unauthenticated("no token was shown");
  if (principal.scopes.includes(scope)) return principal;
  throw new HttpError(
    403,
    "ONCEBOX_FORBIDDEN",
    `${principal.name} may ${principal.scopes.join(", ")}, and this needs ${scope}`,
    { hint: "Use a token that may: oncebox tokens make --help." },
  );
}

function unauthenticated(message: string): HttpError {
  return new HttpError(401, "ONCEBOX_UNAUTHENTICATED", message, {
    hint: "Send Authorization: Bearer with a token that oncebox tokens make printed.",
  });
}
