import type { ChannelName, State } from "../outbox/notification.ts";
import type { SmsRecord } from "../sandbox/mobizon.ts";
import type { EmailRecord } from "../sandbox/smtp.ts";
import type { Harm } from "./fleet.ts";
import type { Person } from "./people.ts";

/** What a provider took, of either channel. */
export interface Landed {
  readonly channel: ChannelName;
  readonly recipient: string;
  /** Every id by which the database may rightly name it. */
  readonly ids: readonly string[];
  readonly at: Date;
}

export interface AttemptRow {
  readonly attempt: number;
  readonly outcome: string | null;
  readonly code: string | null;
  readonly startedAt: Date;
  readonly deadlineAt: Date;
  readonly endedAt: Date | null;
  readonly workerPid: number;
}

export interface NotificationRow {
  readonly id: string;
  readonly leadId: string;
  readonly channel: ChannelName;
  readonly recipient: string;
  readonly state: State;
  readonly reason: string | null;
  readonly attempt: number;
  readonly providerRef: string | null;
  readonly isAsked: boolean;
  readonly flag: boolean | null;
  readonly flagAt: Date | null;
  readonly attempts: readonly AttemptRow[];
}

/** A worker that the others took for dead. */
export interface GoneWorker {
  readonly pid: number;
  readonly startedAt: Date;
  readonly goneAt: Date;
}

/** Everything that is known at the end, from both sides. */
export interface Evidence {
  readonly people: readonly Person[];
  readonly rolledBack: ReadonlySet<string>;
  readonly leadIds: readonly string[];
  readonly rows: readonly NotificationRow[];
  readonly landed: readonly Landed[];
  readonly gone: readonly GoneWorker[];
}

export type Fate = "sent" | "refused" | "cancelled" | "unknown" | "duplicate" | "lost";

interface Problem {
  readonly kind: "duplicate" | "lost" | "disagreement";
  readonly notificationId: string | null;
  readonly what: string;
}

export interface Verdict {
  readonly fates: ReadonlyMap<string, Fate>;
  readonly problems: readonly Problem[];
}

/** The ledger's clock and Postgres' are the same machine's, read a moment apart. */
const CLOCK_SLACK_MS = 50;
/** A restart on a busy machine. A worker that cannot ask again in time gives a claim in doubt up. */
const OUTAGE_MS = 5_000;
/** From the last look of an attempt to the provider's own line: one write, and a busy machine. */
const WRITE_SLACK_MS = 1_000;
/** From a worker's death by its own hand to our hearing of it. */
const NEWS_SLACK_MS = 1_000;

export function landedOf(sms: readonly SmsRecord[], email: readonly EmailRecord[]): Landed[] {
  return [
    ...sms.map((it) => ({
      channel: "sms" as const,
      recipient: it.to,
      // A lookup by name that could not read the message's id names its campaign.
      ids: [it.id, `campaign ${it.campaignId}`],
      at: new Date(it.at),
    })),
    ...email.map((it) => ({
      channel: "email" as const,
      recipient: it.to.join(","),
      ids: [it.id, it.messageId],
      at: new Date(it.at),
    })),
  ];
}

/** Compares what was promised, what the database says and what the providers took. Decides nothing else. */
export function judge(evidence: Evidence, harms: readonly Harm[]): Verdict {
  const problems: Problem[] = [];
  const fates = new Map<string, Fate>();
  const landedBy = Map.groupBy(
    evidence.landed,
    ({ channel, recipient }) => `${channel} ${recipient}`,
  );
  const rowsByLead = Map.groupBy(evidence.rows, ({ leadId }) => leadId);

  for (const person of evidence.people) {
    const rows = rowsByLead.get(person.leadId) ?? [];
    for (const channel of ["sms", "email"] as const) {
      const recipient = channel === "sms" ? person.phone : person.email;
      const landed = landedBy.get(`${channel} ${recipient}`) ?? [];
      landedBy.delete(`${channel} ${recipient}`);
      const row = rows.find((it) => it.channel === channel);
      if (row === undefined) {
        problems.push({
          kind: "lost",
          notificationId: null,
          what: `lead ${person.leadId} was committed and has no ${channel} row`,
        });
        continue;
      }
      const found = problemsOf(row, person, landed, harms);
      problems.push(...found);
      fates.set(row.id, fateOf(row, found));
    }
  }

  for (const what of landedBy.keys()) {
    const [channel, recipient = ""] = what.split(" ");
    const why = evidence.rolledBack.has(recipient) ? "was rolled back" : "nobody registered";
    problems.push({
      kind: "disagreement",
      notificationId: null,
      what: `the ${channel} ledger has a message to one who ${why}`,
    });
  }
  problems.push(...orphans(evidence), ...takenForDead(evidence.gone, harms));
  return { fates, problems };
}

function fateOf(row: NotificationRow, problems: readonly Problem[]): Fate {
  if (problems.some(({ kind }) => kind === "duplicate")) return "duplicate";
  if (problems.some(({ kind }) => kind === "lost")) return "lost";
  if (row.state === "failed") return "refused";
  if (row.state === "sent" || row.state === "cancelled" || row.state === "unknown") {
    return row.state;
  }
  return "lost";
}

function problemsOf(
  row: NotificationRow,
  person: Person,
  landed: readonly Landed[],
  harms: readonly Harm[],
): Problem[] {
  const problems: Problem[] = [];
  const add = (kind: Problem["kind"], what: string) =>
    problems.push({ kind, notificationId: row.id, what: `${row.channel}: ${what}` });
  const [first] = landed;
  const accepted = row.attempts.filter(({ outcome }) => outcome === "accepted").length;

  if (landed.length > 1) add("duplicate", `the provider took it ${landed.length} times`);
  if (row.state === "pending" || row.state === "claimed") add("lost", `is still ${row.state}`);
  if (row.state === "unknown" && row.channel === "sms" && row.isAsked)
    add("lost", "is still in doubt, though the provider could be asked");

  if (row.state === "sent") {
    if (first === undefined) add("lost", "says sent, and the provider has no trace of it");
    else if (!landed.some(({ ids }) => ids.includes(row.providerRef ?? "")))
      add("disagreement", `says ${row.providerRef}, the ledger ${landed.map(({ ids }) => ids[0])}`);
    if (accepted !== 1) add("disagreement", `is sent with ${accepted} accepted attempts`);
  } else {
    if (first !== undefined && row.state !== "unknown")
      add("disagreement", `the provider took it, and it says ${row.state} (${row.reason})`);
    if (accepted > 0) add("disagreement", `has an accepted attempt and says ${row.state}`);
  }
  const last = row.attempts.at(-1);
  if (row.state === "failed" && !["rejected", "not_sent"].includes(last?.outcome ?? ""))
    add("disagreement", `failed without a recorded refusal, but ${last?.outcome}`);
  if (row.state === "unknown" && row.reason === null)
    add("disagreement", "unknown without a reason");

  // A worker that lives must not forget what it was told, whatever becomes of its connections.
  if (row.state === "unknown" && last?.outcome === "swept" && !isExcused(last, harms))
    add(
      "disagreement",
      `is in doubt (${last.code}), though its worker was neither killed nor frozen`,
    );

  if (row.attempts.some(({ attempt }, index) => attempt !== index + 1))
    add("disagreement", "the numbers of its attempts have a gap");
  if (row.attempts.length !== row.attempt)
    add("disagreement", `has ${row.attempts.length} attempts and says ${row.attempt}`);
  const taken = row.attempts.find(({ outcome }) => outcome === "accepted")?.endedAt ?? null;
  if (taken !== null && row.attempts.some(({ startedAt }) => startedAt > taken))
    add("disagreement", "was tried again after it was accepted");
  const isFinal = row.state !== "pending" && row.state !== "claimed";
  if (isFinal && row.attempts.some(({ outcome }) => outcome === null))
    add("disagreement", `is ${row.state} with an attempt that is open`);
  const mayBeOut = row.state === "sent" || row.state === "unknown";
  if (isFinal && row.state !== "cancelled" && row.flag !== mayBeOut)
    add("disagreement", `is ${row.state}, and the lead's flag is ${row.flag}`);
  if ((row.flagAt !== null) !== (row.state === "sent"))
    add("disagreement", `is ${row.state}, and the lead's time of sending is ${row.flagAt}`);

  for (const { at } of landed) {
    if (at.getTime() < person.dueAt.getTime() - CLOCK_SLACK_MS)
      add("disagreement", "was sent before it was due");
    if (!row.attempts.some((it) => isWithin(at, it)))
      add("disagreement", "was sent outside the time of every attempt");
  }
  return problems;
}

/** Its worker was killed or frozen, or Postgres was away from all of them just then. */
function isExcused({ workerPid, startedAt, endedAt }: AttemptRow, harms: readonly Harm[]): boolean {
  const from = startedAt.getTime() - OUTAGE_MS;
  const to = (endedAt ?? startedAt).getTime();
  return harms.some(
    ({ pid, at }) =>
      pid === workerPid || (pid === null && at.getTime() >= from && at.getTime() <= to),
  );
}

function isWithin(at: Date, { startedAt, deadlineAt }: AttemptRow): boolean {
  return (
    at.getTime() >= startedAt.getTime() - CLOCK_SLACK_MS &&
    at.getTime() <= deadlineAt.getTime() + WRITE_SLACK_MS
  );
}

/** Those that nobody had harmed by then, as far as we had heard. */
function takenForDead(gone: readonly GoneWorker[], harms: readonly Harm[]): Problem[] {
  return gone
    .filter(
      ({ pid, startedAt, goneAt }) =>
        !harms.some(
          (it) =>
            (it.pid ?? pid) === pid &&
            it.at.getTime() >= startedAt.getTime() - OUTAGE_MS &&
            it.at.getTime() <= goneAt.getTime() + NEWS_SLACK_MS,
        ),
    )
    .map(({ pid }) => ({
      kind: "disagreement",
      notificationId: null,
      what: `process ${pid} was taken for dead, though nobody had harmed it`,
    }));
}

function orphans({ people, leadIds, rows }: Evidence): Problem[] {
  const promised = new Set(people.map(({ leadId }) => leadId));
  const problems: Problem[] = [];
  for (const id of leadIds) {
    if (!promised.has(id))
      problems.push({
        kind: "disagreement",
        notificationId: null,
        what: `lead ${id} is there, and its registration was not committed`,
      });
  }
  for (const row of rows) {
    if (!promised.has(row.leadId))
      problems.push({
        kind: "disagreement",
        notificationId: row.id,
        what: "belongs to a registration that was not committed",
      });
  }
  return problems;
}
