import type { FastifyReply } from "fastify";
import type { Logger } from "../../log.ts";

/** One stream of events to every page that looks; what is read is read once for all of them. */
export interface Live {
  /** Takes the connection over until the page leaves or the server stops. */
  attach(reply: FastifyReply): void;
  /** To every page. */
  tell(event: string, data: unknown): void;
  close(): void;
}

/** Between two readings; at least, and as a multiple of how long one takes. */
const EVERY_MS = 2_000;
const REST_FACTOR = 9;
const HEARTBEAT_MS = 15_000;
const MOST_PAGES = 200;

/**
 * @param read - What the event `overview` shows. Read while anybody looks, and so seldom that it takes
 *   at most a tenth of one connection's time, however large the tables are.
 */
export function createLive(read: () => Promise<unknown>, log: Logger): Live {
  const pages = new Set<FastifyReply>();
  let timer: NodeJS.Timeout | null = null;
  let last: string | null = null;
  let isClosed = false;

  const heartbeat = setInterval(() => {
    for (const page of pages) page.raw.write(": still here\n\n");
  }, HEARTBEAT_MS).unref();

  async function look(): Promise<void> {
    const startedAt = performance.now();
    try {
      last = frame("overview", await read());
      for (const page of pages) page.raw.write(last);
    } catch (error) {
      log.warn({ err: error }, "dashboard:not read, it is tried again");
      for (const page of pages) page.raw.write(frame("trouble", { code: "database_away" }));
    }
    const tookMs = performance.now() - startedAt;
    timer =
      pages.size === 0 || isClosed
        ? null
        : setTimeout(() => void look(), Math.max(EVERY_MS, REST_FACTOR * tookMs));
  }

  return {
    attach(reply) {
      if (isClosed || pages.size >= MOST_PAGES) {
        reply.raw.writeHead(503, { "retry-after": "5" }).end();
        return;
      }
      reply.hijack();
      reply.raw.writeHead(200, {
        ...reply.getHeaders(),
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-store",
        // nginx would keep what we write to itself.
        "x-accel-buffering": "no",
      } as Record<string, string>);
      reply.raw.write("retry: 2000\n\n");
      if (last !== null && timer !== null) reply.raw.write(last);
      pages.add(reply);
      reply.raw.once("close", () => pages.delete(reply));
      if (timer === null) {
        // Held until the first reading is done, so that two pages do not begin two.
        timer = setTimeout(() => void look(), 0);
      }
    },
    tell(event, data) {
      const text = frame(event, data);
      for (const page of pages) page.raw.write(text);
    },
    close() {
      isClosed = true;
      clearInterval(heartbeat);
      if (timer !== null) clearTimeout(timer);
      for (const page of pages) page.raw.end();
    },
  };
}

function frame(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
