import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Queue } from "./inspect/queue.ts";
import type { ChannelName } from "./outbox/notification.ts";
import type { SendOutcome } from "./outbox/outcome.ts";
import type { Observer, PoolUse } from "./tasks/observer.ts";

/** Everything that is counted and measured in one process, for Prometheus. Each is explained in docs/metrics.md. */
export interface Metrics {
  readonly registry: Registry;
  /** Counts what a worker does. */
  readonly observer: Observer;
  /** A registration through this process: for each channel that its lead has. */
  registered(channels: readonly ChannelName[], result: Registration): void;
  /** A call of the provider's, about how far an SMS got. */
  webhook(outcome: string): void;
  /** Watches connections under this name; again = instead of those before. */
  usePool(name: string, pool: PoolUse): void;
  /** What the database says now; null when it could not be read: then those metrics have no value. */
  setQueue(queue: Queue | null): void;
}

type Registration = "created" | "repeated" | "refused";

const CHANNELS: readonly ChannelName[] = ["sms", "email"];
const OUTCOMES: readonly SendOutcome["kind"][] = ["accepted", "rejected", "not_sent", "unknown"];

/** From a wake-up on time to one after an outage of hours. */
const LAG_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200];
/** Up to ONCEBOX_SEND_TIMEOUT as most have it. */
const SEND_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60];

export function createMetrics({ version }: { readonly version: string }): Metrics {
  const registry = new Registry();
  const counts = createCounts(registry, version);
  const database = createDatabaseGauges(registry);
  const pools = watchPools(registry);

  return {
    registry,
    webhook: (outcome) => counts.webhooks.inc({ outcome }),
    registered(channels, result) {
      for (const channel of channels) {
        counts.registered.inc({ channel, result });
        if (result === "repeated") counts.prevented.inc({ channel, by: "repeated_key" });
      }
    },
    usePool: pools.use,
    setQueue: database.set,
    observer: createObserver(counts, (pool) => pools.use("worker", pool)),
  };
}

function createCounts(registry: Registry, version: string) {
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Counter({ name: `oncebox_${name}`, help, labelNames, registers });
  const info = new Gauge({
    ...{ name: "oncebox_info", help: "1, with the version of this process", registers },
    labelNames: ["version"],
  });
  info.set({ version }, 1);
  const counts = {
    registered: counter(
      "notifications_registered_total",
      "Notifications that were registered through this process",
      ["channel", "result"],
    ),
    claimed: counter("notifications_claimed_total", "Claims: each begins an attempt", ["channel"]),
    settled: counter("notifications_settled_total", "Moves to the state that an outcome led to", [
      ...(["channel", "outcome", "state"] as const),
    ]),
    prevented: counter("duplicates_prevented_total", "Second messages that did not go out", [
      ...(["channel", "by"] as const),
    ]),
    late: counter(
      "late_writes_refused_total",
      "Outcomes of attempts that no longer held their notification",
      ["channel", "outcome"],
    ),
    answers: counter("provider_answers_total", "What providers answered", ["channel", "code"]),
    waits: counter("rate_limit_waits_total", "Wake-ups put off by ONCEBOX_SMS_PER_SECOND", [
      "channel",
    ]),
    pauses: counter("channel_pauses_total", "Attempts whose trouble paused the whole channel", [
      ...(["channel", "trouble"] as const),
    ]),
    lookups: counter("lookups_total", "Questions to a provider about an outcome in doubt", [
      ...(["channel", "finding"] as const),
    ]),
    webhooks: counter("webhooks_total", "Calls of a provider's about deliveries", ["outcome"]),
    swept: counter("swept_total", "What sweeps of this process put right", ["action"]),
    lag: new Histogram({
      ...{ name: "oncebox_due_to_provider_seconds", help: "From due to the call of the provider" },
      ...{ labelNames: ["channel"] as const, buckets: LAG_SECONDS, registers },
    }),
    sending: new Histogram({
      ...{ name: "oncebox_send_seconds", help: "How long a provider took, all calls of a send" },
      ...{ labelNames: ["channel", "outcome"] as const, buckets: SEND_SECONDS, registers },
    }),
  };
  // From nought: of a series that begins with its first event, increase() does not see that event.
  for (const channel of CHANNELS) {
    counts.claimed.inc({ channel }, 0);
    counts.waits.inc({ channel }, 0);
    counts.lag.zero({ channel });
    for (const outcome of OUTCOMES) counts.late.inc({ channel, outcome }, 0);
    for (const by of ["already_sent", "repeated_key", "provider_record"]) {
      counts.prevented.inc({ channel, by }, 0);
    }
  }
  for (const action of ["gone", "unknown", "pending", "set_aside", "sent", "woken", "travelled"]) {
    counts.swept.inc({ action }, 0);
  }
  return counts;
}

function createObserver(
  counts: ReturnType<typeof createCounts>,
  connected: Observer["connected"],
): Observer {
  const boundedCode = rememberCodes();
  return {
    connected,
    wokeUp(channel, verdict) {
      if (verdict === "claimed") counts.claimed.inc({ channel });
      if (verdict === "throttled") counts.waits.inc({ channel });
      if (verdict === "already_sent") counts.prevented.inc({ channel, by: verdict });
      // The claim itself moved it.
      if (verdict === "already_sent" || verdict === "expired") {
        counts.settled.inc({ channel, outcome: verdict, state: "cancelled" });
      }
    },
    sending(channel, lagMs) {
      // Two machines' clocks: one that is a little ahead would make it negative.
      counts.lag.observe({ channel }, Math.max(lagMs, 0) / 1_000);
    },
    answered(channel, outcome, durationMs) {
      counts.sending.observe({ channel, outcome: outcome.kind }, durationMs / 1_000);
      const code = outcome.kind === "accepted" ? "accepted" : boundedCode(outcome.code);
      counts.answers.inc({ channel, code });
    },
    settled(channel, outcome, { moved, state }) {
      if (moved) counts.settled.inc({ channel, outcome: outcome.kind, state });
      else counts.late.inc({ channel, outcome: outcome.kind });
      if ("trouble" in outcome && outcome.trouble !== undefined) {
        counts.pauses.inc({ channel, trouble: outcome.trouble });
      }
    },
    lookedUp(channel, finding, verdict) {
      counts.lookups.inc({ channel, finding });
      if (verdict === "sent" || verdict === "failed" || verdict === "pending") {
        counts.settled.inc({ channel, outcome: "reconciled", state: verdict });
      }
      if (verdict === "sent" || verdict === "already_sent") {
        counts.prevented.inc({ channel, by: "provider_record" });
      }
    },
    swept(action) {
      counts.swept.inc({ action });
    },
  };
}

/** Enough for every code that a provider documents; each one more is a series that is kept for weeks. */
const MOST_CODES = 100;

/** Codes as labels: one that looks like anything but a code, or comes when there are too many, is `other`. */
function rememberCodes(): (code: string) => string {
  const known = new Set<string>();
  return (code) => {
    if (known.has(code)) return code;
    // As mobizon_8, smtp_550, ECONNREFUSED: no room for a number or an address.
    if (known.size >= MOST_CODES || !/^[A-Za-z][A-Za-z_]{0,50}[0-9]{0,3}$/.test(code))
      return "other";
    known.add(code);
    return code;
  };
}

function watchPools(registry: Registry) {
  const pools = new Map<string, PoolUse>();
  const gauge = new Gauge({
    ...{ name: "oncebox_pool_connections", help: "Connections to the database" },
    ...{ labelNames: ["pool", "state"], registers: [registry] },
    collect() {
      for (const [pool, { totalCount, idleCount }] of pools) {
        this.set({ pool, state: "busy" }, totalCount - idleCount);
        this.set({ pool, state: "idle" }, idleCount);
      }
    },
  });
  const waiting = new Gauge({
    ...{ name: "oncebox_pool_waiting", help: "Who waits for a connection to be free" },
    ...{ labelNames: ["pool"], registers: [registry] },
    collect() {
      for (const [pool, { waitingCount }] of pools) this.set({ pool }, waitingCount);
    },
  });
  return { use: (name: string, pool: PoolUse) => void pools.set(name, pool), gauge, waiting };
}

function createDatabaseGauges(registry: Registry) {
  const registers = [registry];
  const gauge = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Gauge({ name: `oncebox_${name}`, help, labelNames, registers });
  const queue = gauge("queue", "Notifications that are not over", [
    ...(["channel", "state"] as const),
  ]);
  const oldestDue = gauge("oldest_due_age_seconds", "Since the oldest one that is due was due", [
    "channel",
  ]);
  const oldestUnknown = gauge(
    "oldest_unknown_age_seconds",
    "Since the last attempt of the oldest one in doubt began",
    ["channel"],
  );
  const paused = gauge("channel_paused", "1 while a channel is paused", ["channel"]);
  const balance = gauge("balance", "What is left on the provider's account", [
    ...(["channel", "currency"] as const),
  ]);
  const sweepAge = gauge("sweep_age_seconds", "Since any worker last swept, to five seconds", []);
  const workers = gauge("workers", "Workers that are alive, by their locks", []);
  const made = new Counter({
    ...{ name: "oncebox_notifications_made_total", help: "Notifications ever made, by whomever" },
    registers,
  });
  const errors = new Counter({
    ...{ name: "oncebox_scrape_errors_total", help: "Scrapes that could not read the database" },
    registers,
  });

  function clear(): void {
    for (const it of [queue, oldestDue, oldestUnknown, paused, balance]) it.reset();
    // A reset would say nought of what is not known.
    for (const it of [sweepAge, workers, made]) it.remove();
  }

  clear();
  return {
    set(now: Queue | null): void {
      clear();
      if (now === null) {
        errors.inc();
        return;
      }
      for (const it of now.channels) {
        const { channel } = it;
        for (const state of ["due", "claimed", "unknown", "held"] as const) {
          queue.set({ channel, state }, it[state]);
        }
        oldestDue.set({ channel }, it.oldestDueSeconds ?? 0);
        oldestUnknown.set({ channel }, it.oldestUnknownSeconds ?? 0);
        paused.set({ channel }, it.isPaused ? 1 : 0);
        if (it.balance !== null) balance.set({ channel, currency: it.currency ?? "" }, it.balance);
      }
      if (now.sweptSecondsAgo !== null) sweepAge.set(now.sweptSecondsAgo);
      workers.set(now.workers);
      made.inc(now.notificationsMade);
    },
  };
}
