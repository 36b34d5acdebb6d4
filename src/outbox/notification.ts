declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** A bigint identity. A string, because a JS number cannot hold every bigint. */
export type NotificationId = Brand<string, "NotificationId">;

/** The states a notification can be in; the same list as the check constraint `notification_state_known`. */
export const STATES = ["pending", "claimed", "sent", "failed", "unknown", "cancelled"] as const;
export type State = (typeof STATES)[number];

export const CHANNELS = ["sms", "email"] as const;
export type ChannelName = (typeof CHANNELS)[number];

export function parseNotificationId(value: unknown): NotificationId {
  if (typeof value !== "string" || !/^[1-9]\d{0,18}$/.test(value)) {
    throw new TypeError(`expected a notification id such as "1042", got ${JSON.stringify(value)}`);
  }
  return value as NotificationId;
}
