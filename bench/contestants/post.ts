import { Pool } from "undici";
import { IN_FLIGHT } from "./contestant.ts";

/** Sends an SMS by the gateway's one call; throws when it was not taken. */
export type Post = (phone: string, text: string) => Promise<void>;

const PATH = "/service/message/sendSmsMessage?output=json&api=v1&apiKey=bench";
const HEADERS = { "content-type": "application/x-www-form-urlencoded" };

/** As a user would: one pool of connections that stay open. */
export function openPost(gatewayUrl: string): { post: Post; close(): Promise<void> } {
  const pool = new Pool(gatewayUrl, { connections: IN_FLIGHT });
  return {
    async post(phone, text) {
      const body = `${new URLSearchParams({ recipient: phone.slice(1), text })}`;
      const { body: answer } = await pool.request({
        path: PATH,
        method: "POST",
        headers: HEADERS,
        body,
      });
      const { code } = (await answer.json()) as { code: number };
      if (code !== 0) throw new Error(`the gateway answered ${code}`);
    },
    close: () => pool.close(),
  };
}

/** Does the work for each item, `IN_FLIGHT` at once. */
export async function forEachInFlight<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < items.length) await work(items[next++] as T);
  };
  await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, items.length) }, lane));
}
