import type { LandedMessage } from "../sandbox/gateways.ts";

/** A message that arrived at a stand-in, as a person would see it on a phone or in a mailbox. */
export function describeMessage(message: LandedMessage): string {
  const time = message.at.slice(11, 19);
  if (message.event === "sms") {
    return `${time}  SMS    to ${maskPhone(message.to)}  ${oneLine(message.text)}`;
  }
  return `${time}  email  to ${message.to.map(maskEmail).join(", ")}  ${oneLine(message.subject)}`;
}

/** A terminal is often shared or recorded, and real leads are imported here too. */
function maskPhone(digits: string): string {
  return `+${digits.slice(0, 4)}•••••${digits.slice(-2)}`;
}

function maskEmail(address: string): string {
  return `${address.slice(0, 1)}•••${address.slice(address.lastIndexOf("@"))}`;
}

/** What is not printable could command the terminal. */
function oneLine(text: string): string {
  return text.replaceAll(/\p{C}+/gu, " ");
}
