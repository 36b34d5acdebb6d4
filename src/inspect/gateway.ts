import type { ChannelName } from "../outbox/notification.ts";
import type { ProbeStep, Trouble } from "../outbox/outcome.ts";
import { type Check, ok } from "./checks.ts";

interface Gateway {
  readonly name: string;
  /** What has to be set for it. */
  readonly setting: string;
  readonly account: string;
}

const GATEWAYS: Readonly<Record<ChannelName, Gateway>> = {
  sms: {
    name: "Mobizon",
    setting: "MOBIZON_API_KEY",
    account: "MOBIZON_API_URL, MOBIZON_API_KEY, MOBIZON_SENDER",
  },
  email: { name: "mail server", setting: "SMTP_URL", account: "SMTP_URL" },
};

/** @param steps - Null when the channel is not configured. */
export function checkGateway(channel: ChannelName, steps: readonly ProbeStep[] | null): Check {
  const { name, setting, account } = GATEWAYS[channel];
  if (steps === null) {
    return {
      name,
      status: "warn",
      means: `${setting} is not set here, so it was not tried; a worker with these settings has ${channel} off`,
      remedy: `set ${setting} as for the workers`,
    };
  }
  const broken = steps.find((it) => !it.ok);
  if (broken === undefined) {
    return ok(name, steps.map((it) => `${it.name}: ${it.detail}`).join("; "));
  }
  return {
    name,
    status: "fail",
    means: `${broken.name} failed: ${broken.detail}`,
    remedy: remedyOf(broken.trouble, account),
  };
}

function remedyOf(trouble: Trouble | undefined, account: string): string {
  switch (trouble) {
    case "balance":
      return "pay into the account";
    case "throttle":
      return "wait a minute, then oncebox doctor --provider again";
    case "outage":
      return `check that this machine may reach it, and ${account}`;
    default:
      return `correct ${account}, restart the workers`;
  }
}
