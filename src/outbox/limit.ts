import type { Judge } from "./commit.ts";
import { isUnstorable } from "./register.ts";
import { runIn } from "./transaction.ts";

interface RecipientLimit {
  /** Leads that a number may have, and an address. */
  readonly most: number;
  /** Within so long. */
  readonly withinMs: number;
}

/**
 * Refuses records of numbers and addresses that had enough leads of late; what came before with the same
 * key passes.
 */
export function limitPerRecipient({ most, withinMs }: RecipientLimit): Judge {
  return async (tx, records) => {
    const asked = records.map(({ phone, email, source, idempotency_key }) => {
      const part = { phone, email, source, idempotency_key };
      return isUnstorable(part) ? {} : part;
    });
    const rows = (await runIn(
      tx,
      `select record, extract(epoch from wait)::float8 as "retryAfterS"
         from oncebox.over_limit($1::jsonb, $2, $3::interval)`,
      [JSON.stringify(asked), most, `${withinMs} milliseconds`],
    )) as { record: number; retryAfterS: number }[];
    return new Map(
      rows.map(({ record, retryAfterS }) => [
        record - 1,
        {
          code: "ONCEBOX_RATE_LIMITED",
          field: null,
          message: `this number or address had ${most} leads within ${withinMs / 60_000} minutes`,
          hint: "Register it later, or raise ONCEBOX_LEADS_PER_PHONE.",
          retryAfterS,
        },
      ]),
    );
  };
}
