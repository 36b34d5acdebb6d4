import { setTimeout as sleep } from "node:timers/promises";
import { requireDatabaseUrl, type WorkerConfig } from "./config.ts";
import { OnceboxError } from "./errors.ts";
import type { Logger } from "./log.ts";
import { CHANNELS, type ChannelName } from "./outbox/notification.ts";
import type { Channel } from "./outbox/outcome.ts";
import { type Seams, type Shift, startShift, type Way, type Ways } from "./shift.ts";

export interface Worker {
  /** The channels it sends on. */
  readonly channels: readonly ChannelName[];
  /**
   * Drains: claims nothing new, lets what is in flight finish and settle, then lets go of
   * everything. Safe to call again; every call waits for the same end.
   */
  stop(): Promise<void>;
  /** Settles when the worker has ended; rejects if something went wrong that time does not mend. */
  readonly done: Promise<void>;
}

/** Between losing the database and trying again: at least and at most, with chance in between, so that not all come at once. */
const RETURN_AFTER_MS = { first: 200, most: 10_000 } as const;

/**
 * Starts a worker: it sends what is due, until it is stopped. Builds everything it needs from the
 * configuration; installs no signal handlers.
 *
 * When it loses its lock's connection it claims nothing more, finishes and settles what is in
 * flight, and starts again under a new name, as often as it takes.
 *
 * @param seams - `observer` counts what it does; the others are for the crash proof and tests. Leave it out.
 * @throws OnceboxError `ONCEBOX_CONFIG_INVALID` - DATABASE_URL is missing, or no channel is configured.
 * @throws OnceboxError `ONCEBOX_DATABASE_UNREACHABLE`, `ONCEBOX_SCHEMA_MISSING`, `ONCEBOX_SCHEMA_OUTDATED`,
 *   `ONCEBOX_CONNECTION_NOT_SESSION` - at the first start only.
 */
export async function runWorker(
  config: WorkerConfig,
  log: Logger,
  seams: Seams = {},
): Promise<Worker> {
  const databaseUrl = requireDatabaseUrl(config);
  const ways = await createWays(config, log, seams);
  const channels = Object.keys(ways) as ChannelName[];
  const stopping = new AbortController();
  const first = await startShift(databaseUrl, config, ways, log, seams);
  logStart(first);

  async function work(): Promise<void> {
    let shift: Shift | null = first;
    while (shift !== null) {
      const why = await Promise.race([shift.lost, aborted(stopping.signal)]);
      if (why === null)
        log.info({ workerId: shift.workerId }, "worker:stopping, what is in flight finishes");
      else
        log.warn(
          { workerId: shift.workerId, why },
          "worker:lost, it claims nothing more and starts again",
        );
      await shift.end();
      log.info({ workerId: shift.workerId }, "worker:stopped");
      shift = await startAgain();
    }
    await Promise.all(Object.values(ways).map((way) => way.channel.close()));
  }

  /** A new shift as soon as the database lets us; null when we are to stop. */
  async function startAgain(): Promise<Shift | null> {
    for (let round = 0; !stopping.signal.aborted; round++) {
      const pauseMs =
        Math.min(RETURN_AFTER_MS.first * 2 ** round, RETURN_AFTER_MS.most) *
        (0.5 + Math.random() / 2);
      await sleep(pauseMs, undefined, { signal: stopping.signal }).catch(() => {});
      if (stopping.signal.aborted) break;
      try {
        const shift = await startShift(databaseUrl, config, ways, log, seams);
        logStart(shift);
        return shift;
      } catch (error) {
        log.warn({ err: error }, "worker:not back yet, it is tried again");
      }
    }
    return null;
  }

  function logStart({ workerId }: Shift): void {
    log.info({ workerId, channels, concurrency: config.concurrency }, "worker:started");
  }

  const done = work();
  // Whoever does not look at `done` hears of it through `stop`; a rejection must not end the process.
  done.catch(() => {});
  return {
    channels,
    done,
    stop() {
      stopping.abort();
      return done;
    },
  };
}

function aborted(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null);
    signal.addEventListener("abort", () => resolve(null), { once: true });
  });
}

/** The channels that are configured, as a worker has them; nothing is connected yet, and no other is loaded. */
export async function createChannels({
  mobizon,
  smtp,
}: WorkerConfig): Promise<Partial<Record<ChannelName, Channel>>> {
  const channels: Partial<Record<ChannelName, Channel>> = {};
  if (mobizon) {
    const { createMobizonChannel } = await import("./channels/mobizon.ts");
    channels.sms = createMobizonChannel({ ...mobizon, sender: mobizon.sender ?? undefined });
  }
  if (smtp) {
    const { createSmtpChannel } = await import("./channels/smtp.ts");
    channels.email = createSmtpChannel(smtp);
  }
  return channels;
}

/** What is not set when a channel is off. */
const SETTING_OF: Readonly<Record<ChannelName, string>> = {
  sms: "MOBIZON_API_KEY",
  email: "SMTP_URL",
};

async function createWays(config: WorkerConfig, log: Logger, seams: Seams): Promise<Ways> {
  const channels = await createChannels(config);
  const ways: Partial<Record<ChannelName, Way>> = {};
  for (const name of CHANNELS) {
    const channel = channels[name];
    if (channel === undefined) {
      log.warn({ channel: name }, `channel:off, ${SETTING_OF[name]} is not set`);
      continue;
    }
    ways[name] = {
      channel: seams.channel?.(name, channel) ?? channel,
      twoStep: name === "sms" && config.mobizon?.mode === "campaign",
    };
  }
  if (Object.keys(ways).length === 0) {
    throw new OnceboxError(
      "ONCEBOX_CONFIG_INVALID",
      "neither MOBIZON_API_KEY nor SMTP_URL is set: there is nothing to send with",
      { hint: "Set at least one of them, or try everything without a provider: oncebox dev" },
    );
  }
  return ways;
}
