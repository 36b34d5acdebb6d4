import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import fastifyStatic from "@fastify/static";
import type { FastifyInstance } from "fastify";

const DASHBOARD = fileURLToPath(new URL("../../../dashboard/", import.meta.url));

/** Libraries that the page loads, from the packages as they are installed: there is no build step. */
const VENDOR = {
  "preact.mjs": "preact",
  "hooks.mjs": "preact/hooks",
  "htm.mjs": "htm",
  "uplot.mjs": "uplot/dist/uPlot.esm.js",
  "uplot.css": "uplot/dist/uPlot.min.css",
} as const;

/** Serves the dashboard's files. */
export async function servePages(app: FastifyInstance): Promise<void> {
  const policy = policyFor(readFileSync(join(DASHBOARD, "index.html"), "utf8"));
  await app.register(fastifyStatic, {
    root: DASHBOARD,
    prefix: "/assets/",
    index: false,
    decorateReply: true,
    cacheControl: false,
    setHeaders: (reply) => {
      reply.header("cache-control", "no-cache");
    },
  });
  app.get("/", { schema: { hide: true } }, async (_request, reply) =>
    reply.header("content-security-policy", policy).sendFile("index.html"),
  );
  for (const [name, specifier] of Object.entries(VENDOR)) {
    const path = fileURLToPath(import.meta.resolve(specifier));
    app.get(`/assets/vendor/${name}`, { schema: { hide: true } }, async (_request, reply) =>
      reply.sendFile(basename(path), dirname(path)),
    );
  }
}

/** Nothing but what we serve; of inline scripts only the import map, by its hash. */
function policyFor(page: string): string {
  const [, importMap] = /<script type="importmap">([\s\S]*?)<\/script>/.exec(page) ?? [];
  const hash =
    importMap === undefined
      ? ""
      : ` 'sha256-${createHash("sha256").update(importMap).digest("base64")}'`;
  return [
    "default-src 'none'",
    `script-src 'self'${hash}`,
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join("; ");
}
