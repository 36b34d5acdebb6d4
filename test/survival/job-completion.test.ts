import { sql } from "kysely";
import { expect } from "vitest";
import { countStates, makeLeads, register } from "../support/leads.ts";
import { test } from "../support/running.ts";
import { until } from "../support/until.ts";

test("a worker whose finished job cannot be taken away, as when the database goes just then, lives on", async ({
  db,
  pool,
  gateways,
  startWorker,
}) => {
  await pool.query(`
    create function public.refuse() returns trigger language plpgsql as
      $$ begin raise exception 'no deleting'; end $$;
    create trigger refuse before delete on graphile_worker._private_jobs execute function public.refuse()`);
  const worker = await startWorker();
  await register(db, makeLeads(1));

  await worker.logged("worker:lost, it claims nothing more and starts again");
  await sql`drop trigger refuse on graphile_worker._private_jobs`.execute(db);
  await register(db, makeLeads(2).slice(1));
  await until("all are sent", async () => (await countStates(db)).sent === 4);

  expect(worker.child.exitCode).toBeNull();
  const { sms, email } = await gateways.messages();
  expect([sms.length, email.length]).toEqual([2, 2]);
});
