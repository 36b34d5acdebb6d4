import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import cookie from "@fastify/cookie";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Kysely } from "kysely";
import { noteAct } from "../../outbox/acts.ts";
import {
  checkSessions,
  closeSession,
  hashSecret,
  openSession,
  useSessions,
} from "../../outbox/tokens.ts";
import type { Gate, Principal } from "../principal.ts";
import { HttpError } from "../problem.ts";
import { shareLookups } from "../share.ts";

/** The prefix makes browsers take it from this host only, over TLS or on loopback. */
const COOKIE = "__Host-oncebox";
const COOKIE_SETTINGS = { path: "/", httpOnly: true, secure: true, sameSite: "strict" } as const;
/** How long a wrong token waits for its answer, so that guessing is slow. */
const WRONG_TOKEN_MS = 500;

export interface Sessions {
  /** Says who asks by their cookie, and that a page of ours sent it if it changes anything. */
  recognise(request: FastifyRequest): Promise<void>;
  /** Whether who asked this may still look; it keeps no session alive. */
  mayStillLook(request: FastifyRequest): Promise<boolean>;
  /** @throws HttpError 401 - the token is not good. */
  signIn(token: string, reply: FastifyReply): Promise<{ principal: Principal; csrf: string }>;
  signOut(request: FastifyRequest, reply: FastifyReply): Promise<void>;
  /** What a page sends back with everything that changes something. */
  csrfOf(request: FastifyRequest): string;
}

export async function createSessions(
  app: FastifyInstance,
  db: Kysely<unknown>,
  gate: Gate,
): Promise<Sessions> {
  await app.register(cookie);
  const findSession = shareLookups((hashes) => useSessions(db, hashes));
  const findOpenSession = shareLookups((hashes) => checkSessions(db, hashes));
  // Where nobody signs in there is no cookie to derive it from.
  const openSecret = randomBytes(32).toString("base64url");
  const secretOf = (request: FastifyRequest) => request.cookies[COOKIE] ?? openSecret;

  return {
    csrfOf: (request) => csrfFor(secretOf(request)),

    async recognise(request) {
      const secret = request.cookies[COOKIE];
      if (request.principal === null && secret !== undefined) {
        const session = await findSession(hashSecret(secret));
        const tokenHash = session?.tokenHash ?? null;
        request.principal = tokenHash === null ? null : await gate.recognise(tokenHash);
      }
      if (request.method === "GET" || request.method === "HEAD") return;
      const given = Buffer.from(`${request.headers["x-csrf-token"] ?? ""}`);
      const wanted = Buffer.from(csrfFor(secretOf(request)));
      if (given.length === wanted.length && timingSafeEqual(given, wanted)) return;
      throw new HttpError(403, "ONCEBOX_FORBIDDEN", "the page that sent this is not ours, or old", {
        hint: "Load the dashboard again.",
      });
    },

    async mayStillLook({ principal, headers, cookies }) {
      const tokenHash = principal?.tokenHash ?? null;
      if (tokenHash === null) return await gate.isOpen();
      const secret = headers.authorization === undefined ? cookies[COOKIE] : undefined;
      if (secret !== undefined && (await findOpenSession(hashSecret(secret))) === null)
        return false;
      return (await gate.recognise(tokenHash)) !== null;
    },

    async signIn(token, reply) {
      const principal = await gate.recognise(token);
      if (principal === null || principal.tokenHash === null) {
        await noteAct(db, {
          actor: "somebody",
          action: "sign_in_refused",
          subject: "dashboard",
          reason: "the token is not known, or no longer good",
        });
        await new Promise((resolve) => setTimeout(resolve, WRONG_TOKEN_MS));
        throw new HttpError(
          401,
          "ONCEBOX_UNAUTHENTICATED",
          "the token is not known, or no longer good",
          {
            hint: "Ask for one: oncebox tokens make --help.",
          },
        );
      }
      // A new one at every sign-in: one that somebody planted before is worth nothing.
      const secret = await openSession(db, principal.tokenHash, principal.name);
      reply.setCookie(COOKIE, secret, COOKIE_SETTINGS);
      return { principal, csrf: csrfFor(secret) };
    },

    async signOut(request, reply) {
      const secret = request.cookies[COOKIE];
      if (secret !== undefined) await closeSession(db, secret);
      reply.clearCookie(COOKIE, COOKIE_SETTINGS);
    },
  };
}

/** Who can read the cookie can make it, and no page can. */
function csrfFor(secret: string): string {
  return createHash("sha256").update(`csrf ${secret}`).digest("base64url");
}
