import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { z } from "zod";

/** A stand-in's own requests, which the real thing does not have. By method and path. */
export type Routes = Readonly<Record<string, (body: unknown) => Reply>>;

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

/** Answers one of the routes, or 404. */
export async function control(
  routes: Routes,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
): Promise<void> {
  const route = routes[`${request.method} ${path}`];
  const body = parseJson(await text(request));
  const reply =
    route === undefined ? { status: 404, body: { error: "no such path" } } : route(body);
  response.writeHead(reply.status, { "content-type": "application/json; charset=utf-8" });
  response.end(JSON.stringify(reply.body));
}

export function showing(look: () => unknown): Routes[string] {
  return () => ({ status: 200, body: look() });
}

/** Takes a body of this shape; 400 with what is wrong otherwise. */
export function taking<Wish>(schema: z.ZodType<Wish>, take: (wish: Wish) => void): Routes[string] {
  return (body) => {
    const wish = schema.safeParse(body);
    if (!wish.success) return { status: 400, body: { error: explain(wish.error.issues) } };
    take(wish.data);
    return { status: 200, body: {} };
  };
}

/** Of the shapes that a body could have had, the one it comes closest to is explained. */
function explain(issues: readonly z.core.$ZodIssue[]): string {
  const [issue] = issues;
  const shapes = issue?.code === "invalid_union" ? issue.errors : [];
  const closest = shapes.toSorted((a, b) => a.length - b.length)[0];
  return closest === undefined ? z.prettifyError({ issues: [...issues] }) : explain(closest);
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
