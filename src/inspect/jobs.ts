import { type Kysely, sql } from "kysely";
import { ageOf, type Check, ok } from "./checks.ts";

export interface Jobs {
  readonly due: number;
  readonly oldestDueAt: Date | null;
  readonly takenByNobody: number;
  readonly failedForGood: number;
  readonly dueWithoutJob: number;
  /** The database's clock, by which they are due. */
  readonly now: Date;
}

/** Jobs that wait longer than this are a backlog. */
const BACKLOG_MS = 60_000;

export async function readJobs(db: Kysely<unknown>): Promise<Jobs> {
  const { rows } = await sql<Jobs>`
    select j.due::integer as due, j.oldest_due_at as "oldestDueAt",
           j.taken_by_nobody::integer as "takenByNobody", j.failed_for_good::integer as "failedForGood",
           j.due_without_job::integer as "dueWithoutJob", now() as now
      from oncebox.jobs as j`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new TypeError("oncebox.jobs answered no row");
  return row;
}

/** Nothing here is lost: a job is only a wake-up. But a worker's sweep should have mended it by now. */
export function checkJobs(jobs: Jobs): Check {
  const name = "jobs";
  const waitedMs = jobs.oldestDueAt === null ? 0 : jobs.now.getTime() - jobs.oldestDueAt.getTime();
  const found = [
    ...(jobs.dueWithoutJob > 0
      ? [`${jobs.dueWithoutJob} notifications are due for over a minute and have no job`]
      : []),
    ...(waitedMs > BACKLOG_MS
      ? [`${jobs.due} jobs wait, the oldest for ${ageOf(waitedMs)}: workers are down or too slow`]
      : []),
    ...(jobs.takenByNobody > 0
      ? [`${jobs.takenByNobody} are taken by a worker that is not alive`]
      : []),
    ...(jobs.failedForGood > 0 ? [`${jobs.failedForGood} were given up by graphile-worker`] : []),
  ];
  if (found.length === 0) return ok(name, `${jobs.due} wait, none for long`);
  return {
    name,
    status: jobs.dueWithoutJob > 0 ? "fail" : "warn",
    means: `${found.join("; ")}. A worker's sweep mends what can be`,
    remedy: "oncebox worker; sql/inspect/jobs_and_rows.sql",
  };
}
