import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { FastifyInstance } from "fastify";
import { jsonSchemaTransform, jsonSchemaTransformObject } from "fastify-type-provider-zod";
import { readVersion } from "../version.ts";

/** `/openapi.json`, made from the schemas of the routes that follow, and `/docs`, which shows it. */
export async function describeApi(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "oncebox",
        version: readVersion(),
        description:
          "Register a lead; exactly one SMS and one email go out. Look what became of them.",
      },
      components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
      security: [{ token: [] }],
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
  await app.register(swaggerUi, {
    routePrefix: "/docs",
    staticCSP: {
      ...{ "default-src": "'none'", "base-uri": "'none'", "frame-ancestors": "'none'" },
      ...{ "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data:" },
      ...{ "font-src": "'self'", "connect-src": "'self'" },
    },
    uiConfig: { docExpansion: "list", validatorUrl: null, tryItOutEnabled: false },
  });
  app.get("/openapi.json", { schema: { hide: true } }, async () => app.swagger());
}
