import type { FastifyReply } from "fastify";
import type { Logger } from "../../log.ts";

/** One stream of events to every page that looks; what is read is read once for all of them. */
export interface Live {
  /**
   * Takes the connection over until the page leaves, the server stops, or whoever looks may no longer:
   * they are asked about every five seconds.
   */
  attach(reply: FastifyReply, mayLook: () => Promise<boolean>): void;
  /** To every page. */
  tell(event: string, data: unknown): void;
  /** Asks now who may still look, such as after somebody signed out. */
  recheck(): void;
  close(): void;
}

/** Between two readings; at least, and as a multiple of how long one takes. */
const EVERY_MS = 2_000;
const REST_FACTOR = 9;
const HEARTBEAT_MS = 5_000;
const MOST_PAGES = 200;
/** A page that reads this much too slowly is let go of; it comes back by itself. */
const MOST_UNREAD_BYTES = 1_048_576;

/**
 * @param read - What the event `overview` shows. Read while anybody looks, and so seldom that it takes
 *   at most a tenth of one connection's time, however large the tables are.
 */
export function createLive(read: () => Promise<unknown>, log: Logger): Live {
  const pages = new Map<FastifyReply, () => Promise<boolean>>();
  let timer: NodeJS.Timeout | null = null;
  let last: string | null = null;
  let isClosed = false;

  const heartbeat = setInterval(() => {
    write(": still here\n\n");
    recheck();
  }, HEARTBEAT_MS).unref();

  function recheck(): void {
    for (const [page, mayLook] of pages) void letGoUnless(mayLook, page);
  }

  async function letGoUnless(mayLook: () => Promise<boolean>, { raw }: FastifyReply) {
    // A database that is away says nothing about anybody.
    if (!(await mayLook().catch(() => true))) raw.destroy();
  }

  function write(text: string): void {
    if (isClosed) return;
    for (const { raw } of pages.keys()) {
      if (raw.writableLength > MOST_UNREAD_BYTES) raw.destroy();
      else raw.write(text);
    }
  }

  async function look(): Promise<void> {
    const startedAt = performance.now();
    try {
      last = frame("overview", await read());
      write(last);
    } catch (error) {
      log.warn({ err: error }, "dashboard:not read, it is tried again");
      write(frame("trouble", { code: "database_away" }));
    }
    const tookMs = performance.now() - startedAt;
    timer =
      pages.size === 0 || isClosed
        ? null
        : setTimeout(() => void look(), Math.max(EVERY_MS, REST_FACTOR * tookMs));
  }

  return {
    attach(reply, mayLook) {
      // Who left while they were being recognised would never leave again.
      if (reply.raw.destroyed || reply.raw.socket?.destroyed) {
        reply.hijack();
        return;
      }
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
      pages.set(reply, mayLook);
      reply.raw.once("close", () => pages.delete(reply));
      // An "error" that nobody hears ends the process.
      reply.raw.on("error", () => pages.delete(reply));
      if (timer === null) {
        // Held until the first reading is done, so that two pages do not begin two.
        timer = setTimeout(() => void look(), 0);
      }
    },
    tell: (event, data) => write(frame(event, data)),
    recheck,
    close() {
      isClosed = true;
      clearInterval(heartbeat);
      if (timer !== null) clearTimeout(timer);
      for (const { raw } of pages.keys()) raw.end();
    },
  };
}

function frame(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
