import { fromPostgres } from "../db/errors.ts";
import { OnceboxError } from "../errors.ts";
import { inSpan, SpanKind, traceparentOf } from "../trace.ts";
import { type Lead, type LeadRecord, toRecord } from "./lead.ts";
import { runIn, type Transaction } from "./transaction.ts";

export interface Registered {
  readonly leadId: string;
  /** False when the same key came before with the same content: nothing new will be sent. */
  readonly created: boolean;
}

/** Why one record of many was refused. */
export interface Refusal {
  /** SQLSTATE: `OB001` wrong input, `OB002` key reused, `OB003` no template, `OB004` variable missing. */
  readonly code: string;
  readonly field: string | null;
  readonly message: string;
  readonly hint: string;
  /** When the same may well be taken; where that is known. */
  readonly retryAfterS?: number;
}

export type RecordResult =
  | (Registered & { readonly refusal: null })
  | { readonly leadId: null; readonly created: null; readonly refusal: Refusal };

/**
 * Registers one lead inside the caller's transaction.
 *
 * The lead, its SMS and email and the jobs that wake a worker commit or roll back together with
 * whatever else the transaction did. Nothing is sent before the commit.
 *
 * Safe to call again with the same `idempotencyKey` and content: the second call returns the first lead.
 *
 * @param tx - The client that holds the open transaction: pg's, or Kysely's `Transaction`.
 * @throws OnceboxError `ONCEBOX_LEAD_INVALID` - a field is wrong; the message names it.
 * @throws OnceboxError `ONCEBOX_KEY_REUSED` - the key belongs to a registration with other content.
 * @throws OnceboxError `ONCEBOX_TEMPLATE_MISSING`, `ONCEBOX_TEMPLATE_VARIABLE_MISSING`.
 *   After any of them the caller's transaction is aborted, as after any SQL error.
 *
 * @example
 * await client.query("begin");
 * const { leadId } = await registerLead(client, {
 *   name: "Айгерим", phone: "+7 777 123 45 67", email: "a@example.kz", idempotencyKey: "form-8f2c",
 * });
 * await client.query("commit");
 */
export async function registerLead(tx: Transaction, lead: Lead): Promise<Registered> {
  const [first] = await registerLeads(tx, [lead]);
  if (first === undefined)
    throw new TypeError("oncebox.register_leads answered no row for one record");
  return first;
}

/**
 * Registers many leads at once, inside the caller's transaction: all of them, or none.
 *
 * @returns One result a lead, in the order given.
 * @throws As `registerLead`, for the first lead that is refused; the message says which.
 */
export async function registerLeads(
  tx: Transaction,
  leads: readonly Lead[],
): Promise<Registered[]> {
  const results = await registerRecords(tx, leads.map(toRecord), { skipRefused: false });
  return results.map((it) => {
    if (it.refusal !== null)
      throw new TypeError("oncebox.register_leads answered a refusal it should have raised");
    return { leadId: it.leadId, created: it.created };
  });
}

/**
 * Registers raw records as `oncebox.register_leads` takes them; the database checks them.
 *
 * @param options.skipRefused - True: a refused record has its `refusal`, and the others are registered.
 */
export async function registerRecords(
  tx: Transaction,
  records: readonly LeadRecord[],
  options: { readonly skipRefused: boolean },
): Promise<RecordResult[]> {
  const unstorable = records.map(findUnstorable);
  const bad = unstorable.findIndex((it) => it !== null);
  if (bad !== -1 && !options.skipRefused)
    throw toError(unstorable[bad] as Refusal, bad, records.length);

  const stored = await registerStorable(
    tx,
    records.filter((_, index) => unstorable[index] === null),
    options.skipRefused,
  );
  let next = 0;
  return unstorable.map((refusal) => {
    if (refusal !== null) return { leadId: null, created: null, refusal };
    const result = stored[next++];
    if (result === undefined)
      throw new TypeError("oncebox.register_leads answered fewer rows than records");
    return result;
  });
}

async function registerStorable(
  tx: Transaction,
  records: readonly LeadRecord[],
  skipRefused: boolean,
): Promise<RecordResult[]> {
  if (records.length === 0) return [];
  const settings = { kind: SpanKind.PRODUCER, attributes: { "oncebox.records": records.length } };
  return await inSpan("oncebox.register", settings, async (span) => {
    const traceparent = traceparentOf(span);
    try {
      const rows = await runIn(
        tx,
        `select lead_id as "leadId", created, problem as refusal
           from oncebox.register_leads(${traceparent === null ? "$1::jsonb" : TRACED}, $2) order by record`,
        [JSON.stringify(records), skipRefused, ...(traceparent === null ? [] : [traceparent])],
      );
      return rows as RecordResult[];
    } catch (error) {
      throw fromPostgres(error);
    }
  });
}

/** The records, after the transaction was told its trace: in the same statement, to save a round trip. */
const TRACED = "(select $1::jsonb from set_config('oncebox.traceparent', $3, true))";

/** Postgres cannot hold a NUL or half a surrogate pair in any text, so these never get as far as its own checks. */
function findUnstorable(record: LeadRecord): Refusal | null {
  const field = Object.keys(record).find((key) => isUnstorable(key) || isUnstorable(record[key]));
  if (field === undefined) return null;
  return {
    code: "OB001",
    field: isUnstorable(field) ? null : field,
    message: `${isUnstorable(field) ? "a field's name" : field} has a NUL character or half a surrogate pair, wanted text`,
    hint: "Remove it; it is no character that a person typed.",
  };
}

export function isUnstorable(value: unknown): boolean {
  if (typeof value === "string") return value.includes("\0") || !value.isWellFormed();
  if (value === null || typeof value !== "object" || value instanceof Date) return false;
  return Object.entries(value).some(([key, it]) => isUnstorable(key) || isUnstorable(it));
}

function toError(refusal: Refusal, index: number, count: number): OnceboxError {
  const prefix = count > 1 ? `record ${index + 1}: ` : "";
  return new OnceboxError("ONCEBOX_LEAD_INVALID", prefix + refusal.message, { hint: refusal.hint });
}
