import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { batchingLoop } from "../contestants/batching-loop.ts";
import { forEachInFlight, openPost } from "../contestants/post.ts";
import { leadsFrom } from "./leads.ts";
import type { Bench, Measured } from "./scenario.ts";

const CLIENTS = 8;
const BATCH = 500;
/** More than anybody claims singly in the time. */
const DUE = { kind: "due", rows: 500_000 } as const;
/** As many as there are, whatever the time: claims of nothing would count as well. */
const BATCHES_EACH = DUE.rows / BATCH / CLIENTS;
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
  return pgbench(bench, INSERT, forSeconds(bench));
}

export function claimsSingly(bench: Bench): Promise<Measured> {
  return pgbench(bench, claim(1), forSeconds(bench), 1, DUE);
}

export function claimsInBatches(bench: Bench): Promise<Measured> {
  return pgbench(bench, claim(BATCH), ["-t", `${BATCHES_EACH}`], BATCH, DUE);
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

function forSeconds({ sizes }: Bench): string[] {
  return ["-T", `${Math.max(1, Math.round(sizes.registerMs / 1_000))}`];
}

async function pgbench(
  { arena, note }: Bench,
  script: string,
  amount: readonly string[],
  rowsEach = 1,
  backlog: typeof DUE | null = null,
): Promise<Measured> {
  if (!(await isThere())) {
    note("the machine's limits in Postgres were left out: pgbench is not on the PATH");
    return {};
  }
  await using database = await arena.openDatabase(batchingLoop, backlog);
  await arena.settle(database);
  const folder = await mkdtemp(join(tmpdir(), "oncebox-pgbench-"));
  try {
    const file = join(folder, "script.sql");
    await writeFile(file, script);
    const options = ["-n", "-M", "prepared", "-c", `${CLIENTS}`, "-j", "2", ...amount];
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
