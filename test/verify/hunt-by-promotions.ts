import { sql } from "kysely";
import { connect } from "../outbox/support/epoch.ts";
import { tally } from "../support/leads.ts";
import { until } from "../support/until.ts";
import { findPostgres } from "../survival/time-travel-pair.ts";
import { loseSends } from "../survival/time-travel-round.ts";
import { openTheatre } from "../survival/time-travel-theatre.ts";
import type { Catch } from "./hunt.ts";
import { mutantOf, type NamedMutant } from "./mutants.ts";

/**
 * Promotes a standby that lacks the last commits under one living worker: what a kill cannot do.
 *
 * @throws Error when there is no PostgreSQL with pg_basebackup.
 */
export async function huntByPromotions(mutant: NamedMutant): Promise<Pick<Catch, "within" | "by">> {
  const bin = findPostgres();
  if (bin === null) throw new Error(`${mutant.name} needs a PostgreSQL with pg_basebackup`);
  await using theatre = await openTheatre(bin, mutantOf(mutant).sql);
  const { address, gateways } = theatre.stage;

  const primary = await loseSends(theatre.stage, theatre.primary, 1);
  address.lead(primary.port);
  const { db, end } = connect(primary.urlTo("postgres"));
  await until("all is sent or held", async () => {
    const { rows } = await sql`
      select from oncebox.notification where state in ('pending', 'claimed') and not is_held`.execute(
      db,
    );
    return rows.length === 0;
  });
  await end();

  const { sms, email } = await gateways.messages();
  const taken = Object.values(
    tally([...sms.map(({ to }) => to), ...email.flatMap(({ to }) => to)]),
  );
  const duplicates = taken.filter((it) => it > 1).length;
  return { within: "1 promotion", by: duplicates > 0 ? { duplicate: duplicates } : {} };
}
