export interface SmtpOptions {
  /** By default one that is free. */
  readonly port?: number | undefined;
  /** Where it remembers, across restarts. By default it forgets when it is closed. */
  readonly ledgerFile?: string | undefined;
  /** `none` by default; the other two need `key` and `cert`. */
  readonly tls?: "none" | "starttls" | "implicit" | undefined;
  readonly key?: string | undefined;
  readonly cert?: string | undefined;
  /** The one login that is let in. By default nobody is asked. */
  readonly auth?: { readonly user: string; readonly pass: string } | undefined;
  /** Called for every message that was taken. */
  readonly onEmail?: ((email: EmailRecord) => void) | undefined;
}

/** One message that was taken. */
export interface EmailRecord {
  /** The sink's own, as in its answer to the dot. */
  readonly id: string;
  readonly messageId: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  /** Bytes. */
  readonly size: number;
  /** ISO 8601, UTC. */
  readonly at: string;
}
