import { ApiError, get } from "./api.js";
import { session } from "./session.js";
import { createStore } from "./store.js";

/** @import { Landed, Me, Overview } from "./types.d.ts" */

/** How it stands now, told by the server every two seconds; null = not told yet. */
export const overview = createStore(/** @type {Overview | null} */ (null));
/** Whether the server is heard; what is shown is old otherwise. */
export const connection = createStore(
  /** @type {"connecting" | "live" | "lost" | "trouble"} */ ("connecting"),
);
/** What reached the stand-ins, the newest first; in `oncebox dev` alone. */
export const landed = createStore(/** @type {Landed[]} */ ([]));
/** Changes whenever a list may have changed: what happens now, or may have happened unheard. */
export const changes = createStore("");

const MOST_LANDED = 50;
/** Several times what a server under load lets pass without a word. */
const SILENCE_MS = 60_000;
const RETRY_MS = { first: 500, most: 5_000 };

/** Listens until it is ended, and starts again by itself whenever the connection is lost. */
export function listen() {
  /** @type {EventSource | null} */
  let source = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let hasEnded = false;
  let failures = 0;
  let reconnects = 0;

  function open() {
    source = new EventSource("/ui/live");
    source.addEventListener("overview", (event) => {
      if (connection.get() === "lost") reconnects += 1;
      failures = 0;
      connection.set("live");
      const told = /** @type {Overview} */ (JSON.parse(event.data));
      overview.set(told);
      changes.set(`${reconnects} ${footprint(told)}`);
      expectWord();
    });
    // It answers, and cannot read.
    source.addEventListener("trouble", () => {
      reconnects += 1;
      connection.set("trouble");
      expectWord();
    });
    source.addEventListener("landed", (event) => {
      addLanded(JSON.parse(event.data));
    });
    // The browser tries again by itself only sometimes: not where a proxy answered with an error.
    source.addEventListener("error", lose);
    expectWord();
  }

  function expectWord() {
    clearTimeout(timer);
    timer = setTimeout(lose, SILENCE_MS);
  }

  function lose() {
    source?.close();
    clearTimeout(timer);
    if (hasEnded) return;
    connection.set("lost");
    const wait = Math.min(RETRY_MS.first * 2 ** failures, RETRY_MS.most);
    failures += 1;
    timer = setTimeout(again, wait);
  }

  /** The server may be another one by now, and the session over. */
  async function again() {
    clearTimeout(timer);
    try {
      const me = /** @type {Me} */ (await get("/ui/me"));
      if (hasEnded) return;
      session.set(me);
      open();
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return;
      lose();
    }
  }

  function hurry() {
    if (connection.get() === "lost" && document.visibilityState === "visible") void again();
  }

  connection.set("connecting");
  open();
  addEventListener("online", hurry);
  document.addEventListener("visibilitychange", hurry);
  return () => {
    hasEnded = true;
    clearTimeout(timer);
    source?.close();
    removeEventListener("online", hurry);
    document.removeEventListener("visibilitychange", hurry);
    overview.set(null);
    landed.set([]);
  };
}

/** @param {Landed} message */
function addLanded(message) {
  landed.set([message, ...landed.get()].slice(0, MOST_LANDED));
}

/** @param {Overview} told */
function footprint({ queue, minutes, channels }) {
  const now = minutes.slice(-2).map((it) => [it.sms_sent, it.email_sent, it.failed, it.in_doubt]);
  return JSON.stringify([queue, now, channels.map((it) => it.state)]);
}
