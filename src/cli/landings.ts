import type { Landed, Landings } from "../http/ui/sandbox.ts";
import type { Gateways, LandedMessage } from "../sandbox/gateways.ts";

/** More than anybody scrolls through. */
const MOST_RECENT = 50;

/** What arrives at the stand-ins, as the dashboard's phone and mailbox show it. */
export function landingsOf(gateways: Gateways): Landings {
  return {
    async recent() {
      const { sms, email } = await gateways.messages();
      return [
        ...sms.map((it) => toLanded({ event: "sms", ...it })),
        ...email.map((it) => toLanded({ event: "email", ...it })),
      ]
        .toSorted((a, b) => b.at.localeCompare(a.at))
        .slice(0, MOST_RECENT);
    },
    onLanded: (tell) => gateways.onMessage((message) => tell(toLanded(message))),
  };
}

function toLanded(message: LandedMessage): Landed {
  const { from, text, at } = message;
  return message.event === "sms"
    ? { channel: "sms", to: message.to, from, subject: null, text, at }
    : { channel: "email", to: message.to.join(", "), from, subject: message.subject, text, at };
}
