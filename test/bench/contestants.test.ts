import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Arena } from "../../bench/compare/arena.ts";
import { digitsOf, leadsFrom } from "../../bench/compare/leads.ts";
import { CONTESTANTS } from "../../bench/contestants/all.ts";
import { IN_FLIGHT } from "../../bench/contestants/contestant.ts";
import { until } from "../support/until.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const REGISTERED = 20;
const COPIES = 10;
/** With the one that was copied. */
const EVERYBODY = REGISTERED + COPIES + 1;

let arena: Arena;
beforeAll(async () => {
  arena = await Arena.open(MAIN);
});
afterAll(async () => {
  await arena[Symbol.asyncDispose]();
});

for (const contestant of CONTESTANTS) {
  test(`everybody gets exactly one from ${contestant.title}, who was registered or is a copy`, async () => {
    await using database = await arena.openDatabase(contestant, { kind: "due", rows: COPIES });
    await arena.gateway.reset(0);
    const leads = leadsFrom(0, REGISTERED, new Date());
    const client = await database.pool.connect();
    for (const lead of leads.slice(0, 5)) await database.sender.registerOne(client, lead);
    await database.sender.registerMany(client, leads.slice(5));
    client.release();

    await using worker = arena.startWorker(contestant, database, IN_FLIGHT);
    await until("all are sent", async () => {
      worker.assertAlive();
      return (await arena.gateway.counts()).people >= EVERYBODY;
    });
    await worker.stop();
    const arrivals = await arena.gateway.arrivals();
    expect([...arrivals.keys()]).toEqual(expect.arrayContaining(leads.map(digitsOf)));
    expect(await arena.gateway.counts()).toEqual({ people: EVERYBODY, calls: EVERYBODY });
  });
}
