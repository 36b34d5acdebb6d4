import type { ProviderRecord } from "../outbox/outcome.ts";
import type { AuditedNotification } from "./audited.ts";

/** One thing in which our record and the provider's do not agree. No person's data. */
export interface Difference {
  readonly kind: "sent_there_unknown_here" | "sent_here_unknown_there" | "two_for_one_lead";
  /** The name by which the provider's record has it. */
  readonly reference: string;
  /** Null where we have no such notification. */
  readonly notificationId: string | null;
  readonly leadId: string | null;
  /** As we have it. */
  readonly state: string | null;
  /** The provider's. */
  readonly campaignIds: readonly string[];
  readonly means: string;
  readonly remedy: string;
}

export interface Compared {
  readonly differences: readonly Difference[];
  /** Sent by us, and not among what the provider listed as sent: it may know them by their id. */
  readonly missing: readonly AuditedNotification[];
}

/**
 * Compares, both ways. What a worker holds right now is no difference: its answer is being written down.
 *
 * @param listed - The provider's record, read before `known` was.
 * @param known - Every notification that `listed` names, as far as we have it.
 * @param sent - What we sent in the time that is audited, read before `listed` was.
 */
export function compare(
  listed: readonly ProviderRecord[],
  known: ReadonlyMap<string, AuditedNotification>,
  sent: readonly AuditedNotification[],
): Compared {
  const gone = Map.groupBy(
    listed.filter((it) => it.standing === "sent"),
    (it) => it.reference,
  );
  const differences = [...gone].flatMap(([reference, records]) => {
    const ours = known.get(reference);
    return [...unknownHere(reference, records, ours), ...twice(reference, records, ours)];
  });
  return { differences, missing: sent.filter((it) => !gone.has(it.reference)) };
}

function unknownHere(
  reference: string,
  records: readonly ProviderRecord[],
  ours: AuditedNotification | undefined,
): Difference[] {
  if (ours?.state === "sent" || ours?.isHeldByWorker) return [];
  const means =
    ours === undefined
      ? "the provider sent it, and there is no such notification here: a copy of this database, or a row that was deleted"
      : `the provider sent it, and here it is ${ours.state}`;
  const remedy =
    ours === undefined
      ? "docs/time-travel.md, if this database is a copy or has one"
      : ours.state === "unknown"
        ? `oncebox notifications resolve ${ours.id} --sent`
        : `oncebox notifications show ${ours.id}`;
  return [differenceOf("sent_there_unknown_here", reference, records, ours, means, remedy)];
}

function twice(
  reference: string,
  records: readonly ProviderRecord[],
  ours: AuditedNotification | undefined,
): Difference[] {
  const count = records.reduce((sum, it) => sum + Math.max(1, it.messageIds.length), 0);
  if (count < 2) return [];
  const means = `${count} SMS in ${records.length === 1 ? "one campaign" : `${records.length} campaigns`} for one notification`;
  const remedy = ours === undefined ? "docs/operating.md" : `oncebox notifications show ${ours.id}`;
  return [differenceOf("two_for_one_lead", reference, records, ours, means, remedy)];
}

/**
 * What the provider says of one that we sent and it did not list as sent.
 *
 * @param record - By the id of our campaign; null where it knows none.
 */
export function judgeMissing(
  ours: AuditedNotification,
  record: ProviderRecord | null,
): Difference[] {
  if (record?.standing === "sent" && record.reference === ours.reference) return [];
  // That its moderator declined it we know, and show.
  if (record?.status === ours.delivery && ours.delivery === "DECLINED") return [];
  const means =
    ours.campaignId === null
      ? "we have it as sent, without a campaign's id, and the provider lists none of its name"
      : record === null
        ? `we have it as sent, and the provider knows no campaign ${ours.campaignId}`
        : record.reference !== ours.reference
          ? `we have it as sent, and campaign ${record.campaignId} has another name there`
          : `we have it as sent, and the provider has it as ${record.status}`;
  return [
    differenceOf(
      "sent_here_unknown_there",
      ours.reference,
      record === null ? [] : [record],
      ours,
      means,
      `oncebox notifications show ${ours.id}`,
    ),
  ];
}

function differenceOf(
  kind: Difference["kind"],
  reference: string,
  records: readonly ProviderRecord[],
  ours: AuditedNotification | undefined,
  means: string,
  remedy: string,
): Difference {
  return {
    kind,
    reference,
    notificationId: ours?.id ?? null,
    leadId: ours?.leadId ?? null,
    state: ours?.state ?? null,
    campaignIds: records.map((it) => it.campaignId),
    means,
    remedy,
  };
}
