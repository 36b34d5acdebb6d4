/** One registration. All but one of `phone` and `email` may be left out. */
export interface Lead {
  /** Shown in the texts as `{{name}}`, if it looks like a name. At most 200 characters. */
  readonly name?: string | null | undefined;
  /** A mobile number: `+7 777 123 45 67`, `8 (777) 123-45-67`, `7771234567`, `+998 90 ..`. */
  readonly phone?: string | null | undefined;
  /** One plain address. */
  readonly email?: string | null | undefined;
  /** The form or program it came from; idempotency keys are unique per source. Default `default`. */
  readonly source?: string | null | undefined;
  /** What makes this submission unique, at most 255 characters: `form-8f2c`. */
  readonly idempotencyKey?: string | null | undefined;
  /** When to send. Default: now plus the database's delay (10 minutes unless set otherwise). */
  readonly dueAt?: Date | null | undefined;
  /** Variables of the texts: strings, numbers, booleans. At most 16 KiB as JSON. */
  readonly data?: Readonly<Record<string, unknown>> | null | undefined;
  /** Which templates to use. Default `proftest`. */
  readonly kind?: string | null | undefined;
  /** Not sent after this. Default: never too late. */
  readonly expiresAt?: Date | null | undefined;
  /** Instead of the template, at most 1000 characters. */
  readonly smsText?: string | null | undefined;
  readonly emailSubject?: string | null | undefined;
  readonly emailText?: string | null | undefined;
}

/** A record as `oncebox.register_leads` takes it. */
export type LeadRecord = Readonly<Record<string, unknown>>;

export function toRecord(lead: Lead): LeadRecord {
  return {
    name: lead.name,
    phone: lead.phone,
    email: lead.email,
    source: lead.source,
    idempotency_key: lead.idempotencyKey,
    due_at: lead.dueAt?.toISOString(),
    data: lead.data,
    kind: lead.kind,
    expires_at: lead.expiresAt?.toISOString(),
    sms_text: lead.smsText,
    email_subject: lead.emailSubject,
    email_text: lead.emailText,
  };
}
