import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { batchingLoop } from "../contestants/batching-loop.ts";
import type { Contestant } from "../contestants/contestant.ts";
import { forEachInFlight, openPost } from "../contestants/post.ts";
import { leadsFrom } from "./leads.ts";
import type { Bench, Measured } from "./scenario.ts";

const CLIENTS = 8;
const BATCH = 500;
/** More than anybody claims in the time. */
const DUE = { kind: "due", rows: 500_000 } as const;
const POSTS = 30_000;

const run = promisify(execFile);

const INSERT =
  "insert into lead (name, phone, email, due_at) values ('Айгерим', '+77010000001', 'a@example.kz', now());";

function claim(count: number): string {
  return `update lead set state = 1 where id in (
    select id from lead where state = 0 and due_at <= now()
     order by due_at limit ${count} for update skip locked) returning id, phone;`.replaceAll(
    /\s+/g,
    " ",
  );
}

/** Inserts of one row, of which a registration has at least one. */
export function insertsAlone(bench: Bench): Promise<Measured> {
  return pgbench(bench, batchingLoop, INSERT, 1);
}

export function claimsSingly(bench: Bench): Promise<Measured> {
  return pgbench(bench, batchingLoop, claim(1), 1, DUE);
}

export function claimsInBatches(bench: Bench): Promise<Measured> {
  return pgbench(bench, batchingLoop, claim(BATCH), BATCH, DUE);
}

/** Calls of the gateway and nothing else, 100 in flight. */
export async function postsAlone({ arena, sizes }: Bench): Promise<Measured> {
  await arena.gateway.reset(0);
  const { post, close } = openPost(arena.gateway.url);
  const leads = leadsFrom(0, Math.min(POSTS, sizes.drain * 3), new Date());
  await forEachInFlight(leads, ({ phone, name }) => post(phone, name));
  await close();
  const times = [...(await arena.gateway.arrivals()).values()];
  return { "per second": (times.length / ((times.at(-1) ?? 0) - (times[0] ?? 0))) * 1_000 };
}

async function pgbench(
  { arena, sizes, note }: Bench,
  contestant: Contestant,
  script: string,
  rowsEach: number,
  backlog: typeof DUE | null = null,
): Promise<Measured> {
  if (!(await isThere())) {
    note("the machine's limits in Postgres were left out: pgbench is not on the PATH");
    return {};
  }
  await using database = await arena.openDatabase(contestant, backlog);
  await arena.settle(database);
  const folder = await mkdtemp(join(tmpdir(), "oncebox-pgbench-"));
  try {
    const file = join(folder, "script.sql");
    await writeFile(file, script);
    const seconds = Math.max(1, Math.round(sizes.registerMs / 1_000));
    const options = ["-n", "-M", "prepared", "-c", `${CLIENTS}`, "-j", "2", "-T", `${seconds}`];
    const { stdout } = await run("pgbench", [...options, "-f", file, database.url]);
    const perSecond = Number(/^tps = ([\d.]+)/m.exec(stdout)?.[1]) * rowsEach;
    return { "per second": perSecond };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function isThere(): Promise<boolean> {
  return await run("pgbench", ["--version"]).then(
    () => true,
    () => false,
  );
}
