import type pg from "pg";
import { OnceboxError } from "../../errors.ts";
import { migratingAlone } from "./alone.ts";
import { runPatiently } from "./patience.ts";
import { assertNotNewer, readSchemaStatus } from "./status.ts";
import { assertKnown, dropViews, readSteps, unrecordOf } from "./steps.ts";
import { type MigrateOptions, patienceOf } from "./up.ts";

export interface MigrateDownOptions extends MigrateOptions {
  /** The migration that is to be the newest afterwards, or `none`; default the one before the newest. */
  readonly to?: string;
  /** Also while workers are connected, whose next statement may fail. */
  readonly force?: boolean;
}

/**
 * Takes applied migrations back, newest first, as their `.down.sql` say, all of them or none.
 * `public.landing_leads` stays as it is. Our views go; they and the functions are left to the older version's `migrate`.
 *
 * @returns The names of the migrations taken back, in that order.
 * @throws OnceboxError `ONCEBOX_MOVE_REFUSED` - it would lose what is counted in the message, or workers
 *   are connected.
 * @throws OnceboxError `ONCEBOX_SCHEMA_OUTDATED`, `ONCEBOX_LOCK_NOT_GRANTED`, `ONCEBOX_INPUT_INVALID`.
 */
export async function migrateDown(
  pool: pg.Pool,
  options: MigrateDownOptions = {},
): Promise<string[]> {
  const steps = await readSteps(options.folder);
  const { to } = options;
  if (to !== undefined && to !== "none") assertKnown(steps, to);
  const patience = patienceOf(options);
  return await migratingAlone(pool, patience.tell, async () => {
    const status = await readSchemaStatus(pool, steps);
    assertNotNewer(status);
    const applied = status.migrations.filter((it) => it.appliedAt !== null).map((it) => it.name);
    const newest = to === "none" ? "" : (to ?? applied.at(-2) ?? "");
    const names = applied.filter((it) => it > newest).reverse();
    if (names.length > 0 && !options.force) await assertNoWorkers(pool);
    const statements = steps
      .filter((it) => names.includes(it.name))
      .reverse()
      .flatMap((it) => [...it.down, ...unrecordOf(steps, it.name)]);
    if (names.length > 0) {
      await runPatiently(pool, "going back", [await dropViews(), ...statements], patience);
    }
    return names;
  });
}

async function assertNoWorkers(pool: pg.Pool): Promise<void> {
  const { rows } = await pool.query<{ pids: string[] }>(
    `select coalesce(array_agg(a.pid::text order by a.pid), '{}') as pids
       from pg_stat_activity as a
      where a.datname = current_database()
        and a.application_name = 'oncebox worker'`,
  );
  const pids = rows[0]?.pids ?? [];
  if (pids.length === 0) return;
  throw new OnceboxError("ONCEBOX_MOVE_REFUSED", "workers are connected that need this schema", {
    detail: `The server's processes ${pids.join(", ")}.`,
    hint: "Stop them first, or add --force. Nothing was changed.",
  });
}
