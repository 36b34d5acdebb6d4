import rateLimit from "@fastify/rate-limit";
import type { FastifyInstance, FastifyPluginAsync } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { z } from "zod";
import type { Logger } from "../../log.ts";
import { readVersion } from "../../version.ts";
import type { Database } from "../database.ts";
import { type Gate, type Principal, principalOf, requireScope } from "../principal.ts";
import { tooMany } from "../problem.ts";
import { shareReading } from "../share.ts";
import { actRoutes } from "./acts.ts";
import { createLive } from "./live.ts";
import { overviewPage } from "./overview.ts";
import { servePages } from "./pages.ts";
import { peopleRoutes } from "./people.ts";
import { type Landings, sandboxRoutes } from "./sandbox.ts";
import { createSessions } from "./session.ts";
import { templateRoutes } from "./templates.ts";

interface Dashboard extends Database {
  readonly gate: Gate;
  readonly log: Logger;
  /** What arrives at the stand-ins; null where the providers are real. */
  readonly landings: Landings | null;
}

/** So many sign-ins from one address a minute. */
const SIGN_INS = 10;
const MINUTE_MS = 60_000;
/** Read once in so long, however many look. */
const OVERVIEW_MS = 1_000;

/** The dashboard: its files, and `/ui/*`, which only its own pages call. */
export async function serveDashboard(app: FastifyInstance, dashboard: Dashboard): Promise<void> {
  await servePages(app);
  const { db, gate, log, landings } = dashboard;
  const sessions = await createSessions(app, db, gate);
  const overview = shareReading(() => overviewPage(dashboard), OVERVIEW_MS);
  const live = createLive(overview, log);
  app.addHook("preClose", async () => live.close());
  const stopListening = landings?.onLanded((it) => live.tell("landed", it));
  app.addHook("onClose", async () => stopListening?.());

  const me = ({ name, scopes, tokenHash }: Principal, csrf: string) => ({
    name,
    scopes,
    is_open: tokenHash === null,
    is_dev: landings !== null,
    version: readVersion(),
    csrf,
  });

  const signIn: FastifyPluginAsync = async (plain) => {
    await plain.register(rateLimit, {
      max: SIGN_INS,
      timeWindow: MINUTE_MS,
      errorResponseBuilder: tooMany(`more than ${SIGN_INS} sign-ins a minute`, "Wait a minute."),
    });
    plain
      .withTypeProvider<ZodTypeProvider>()
      .post(
        "/ui/sign-in",
        { schema: { hide: true, body: z.strictObject({ token: z.string().max(300) }) } },
        async ({ body }, reply) => {
          const { principal, csrf } = await sessions.signIn(body.token, reply);
          return me(principal, csrf);
        },
      );
  };
  await app.register(signIn);

  const pages: FastifyPluginAsync = async (ui) => {
    ui.addHook("onRequest", sessions.recognise);
    ui.get("/ui/me", { schema: { hide: true } }, async (request) =>
      me(principalOf(request, "read"), sessions.csrfOf(request)),
    );
    ui.post("/ui/sign-out", { schema: { hide: true } }, async (request, reply) => {
      await sessions.signOut(request, reply);
      live.recheck();
      return reply.code(204).send();
    });
    const look = { preHandler: requireScope("read"), schema: { hide: true } };
    ui.get("/ui/overview", look, overview);
    ui.get("/ui/live", look, async (request, reply) => {
      live.attach(reply, () => sessions.mayStillLook(request));
    });
    ui.register(peopleRoutes(dashboard));
    ui.register(actRoutes(dashboard));
    ui.register(templateRoutes(dashboard));
    if (landings !== null) ui.register(sandboxRoutes(dashboard, landings));
  };
  await app.register(pages);
}
