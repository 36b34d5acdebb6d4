import { setTimeout as sleep } from "node:timers/promises";
import type { Kysely } from "kysely";
import type { Logger } from "../log.ts";
import { noteDeliveries, takeDeliveries } from "../outbox/deliveries.ts";
import type { ChannelName } from "../outbox/notification.ts";
import type { Channel } from "../outbox/outcome.ts";

const EVERY_MS = 2_000;
/** The provider answers for so many ids a call. */
const AT_ONCE = 100;
/** After "called too often" or any other failure: what was taken is handed out again as late. */
const PAUSE_MS = 30_000;

/** An SMS that will not reach its phone, or only if somebody sees to it. */
const UNWELL: ReadonlySet<string> = new Set([
  ...["UNDELIV", "REJECTD", "EXPIRED", "DELETED", "DECLINED"],
]);

export interface DeliveriesDeps {
  readonly db: Kysely<unknown>;
  readonly channels: Readonly<Partial<Record<ChannelName, Channel>>>;
  readonly sendTimeoutMs: number;
  readonly log: Logger;
}

/** Asks the providers how far messages got that they took, until the signal says stop. */
export async function runDeliveries(deps: DeliveriesDeps, signal: AbortSignal): Promise<void> {
  const names = (Object.keys(deps.channels) as ChannelName[]).filter(
    (it) => deps.channels[it]?.trackDeliveries !== undefined,
  );
  while (!signal.aborted && names.length > 0) {
    let pauseMs = EVERY_MS;
    try {
      const looks = await Promise.all(names.map((it) => follow(deps, it, signal)));
      if (looks.includes("failed")) pauseMs = PAUSE_MS;
      // A full hand: there are more.
      else if (looks.includes("more")) pauseMs = 0;
    } catch (error) {
      deps.log.warn({ err: error }, "deliveries:failed, it is tried again");
    }
    await sleep(pauseMs, undefined, { signal }).catch(() => {});
  }
}

/** Asks once, for as many as one call takes. A call that fails uses up nothing: they are asked for later. */
export async function follow(
  { db, channels, sendTimeoutMs, log }: DeliveriesDeps,
  channel: ChannelName,
  signal: AbortSignal,
): Promise<"done" | "more" | "failed"> {
  const taken = await takeDeliveries(db, channel, AT_ONCE);
  if (taken.length === 0) return "done";
  const answer = await channels[channel]?.trackDeliveries?.(
    taken.map((it) => it.key),
    AbortSignal.any([signal, AbortSignal.timeout(sendTimeoutMs)]),
  );
  if (answer === undefined || signal.aborted) return "done";
  if (!answer.ok) {
    const { code, detail, trouble } = answer;
    log.warn({ channel, code, detail, trouble }, "deliveries:not read, asked again later");
    return "failed";
  }
  for (const { notificationId, leadId, delivery } of await noteDeliveries(
    db,
    taken,
    answer.value,
  )) {
    const event = { notificationId, leadId, channel, delivery };
    if (UNWELL.has(delivery)) log.warn(event, "delivery:failed");
    else log.info(event, "delivery:moved");
  }
  return taken.length === AT_ONCE ? "more" : "done";
}
