/** What the server says, as the pages read it. Times are ISO 8601, in UTC. */

export type Scope = "write" | "read" | "operate" | "admin";
export type Channel = "sms" | "email";
export type State = "pending" | "claimed" | "sent" | "failed" | "unknown" | "cancelled";
export type Action = "cancel" | "retry" | "resolve";
export type Outcome = "sent" | "not_sent" | "send_again";

export interface Me {
  name: string;
  scopes: Scope[];
  is_open: boolean;
  csrf: string;
  is_dev: boolean;
  version: string;
}

export interface Reason {
  severity: "bad" | "warn";
  code: string;
  values: Record<string, string | number | null>;
}

export interface Minute {
  minute: string;
  sms_sent: number;
  email_sent: number;
  failed: number;
  in_doubt?: number;
  lag_p50_ms: number | null;
  lag_p99_ms: number | null;
}

export interface ChannelHealth {
  channel: Channel;
  state: "open" | "paused" | "trying";
  paused_until: string | null;
  pause_reason: string | null;
  balance: number | string | null;
  balance_currency: string | null;
  balance_at?: string | null;
}

export interface Worker {
  id: string;
  pid: number;
  version: string;
  started_at: string;
  claims: number;
  oldest_lease_until: string | null;
}

export interface Held {
  notification_id: string;
  lead_id: string;
  channel: Channel;
  attempt: number;
  worker_id: string;
  started_at: string;
  lease_until: string;
}

export interface Overview {
  at: string;
  is_well: boolean;
  reasons: Reason[];
  queue: {
    due: number;
    claimed: number;
    unknown: number;
    held: number;
    oldest_due_at: string | null;
    oldest_unknown_at: string | null;
  };
  ahead: { minute: string; sms: number; email: number }[];
  minutes: Minute[];
  workers: Worker[];
  claims: Held[];
  channels: ChannelHealth[];
  prevented: {
    total: number;
    already_sent: number;
    repeated: number;
    found_sent: number;
    saved: number | string | null;
    currency: string | null;
  };
  last_sweep_at: string | null;
}

export interface Lead {
  id: string;
  name: string | null;
  phone: string | null;
  email: string | null;
  created_at: string | null;
  source: string | null;
  kind: string | null;
  repeats: number | null;
  erased_at: string | null;
}

export interface Notification {
  id: string;
  lead_id: string;
  channel: Channel;
  kind: string;
  recipient: string;
  state: State;
  state_reason: string | null;
  attempt: number;
  due_at: string;
  settled_at: string | null;
  is_held: boolean;
  campaign_id: string | null;
  provider_ref: string | null;
  delivery: string | null;
}

export interface Attempt {
  attempt: number;
  started_at: string;
  sending_at: string | null;
  ended_at: string | null;
  outcome: string | null;
  code: string | null;
  detail: string | null;
}

export interface Lookup {
  attempt: number;
  at: string;
  finding: string;
  verdict: string;
  detail: string | null;
}

export interface Tried extends Notification {
  attempts: Attempt[];
  lookups: Lookup[];
}

export interface Doubted extends Tried {
  reference?: string | null;
}

export interface HistoryRow {
  at: string | null;
  notification_id: string | null;
  channel: Channel | null;
  event: string;
  by: string | null;
  detail: string | null;
}

export interface LeadStory extends Lead {
  notifications: Tried[];
  history: HistoryRow[];
}

export interface Preview {
  count: number;
  ids: string[];
  sample: Notification[];
  refused: { id: string; reason: string }[];
  is_cut: boolean;
}

export interface Acted {
  done: string[];
  refused: { id: string; code: string; detail: string }[];
  /** The database went away at this one, and nobody knows whether it was done; null = it did not. */
  unanswered: string | null;
  /** Those that came after it. */
  not_tried: string[];
}

export interface Template {
  kind: string;
  channel: Channel;
  subject: string | null;
  body: string;
  variables: string[];
  updated_at: string;
}

export interface Templates {
  items: Template[];
  price: { per_segment: number | string; currency: string } | null;
}

export interface Rendered {
  subject: string | null;
  body: string;
  characters: number;
  segments: number | null;
  missing: string[];
  cost?: number | string | null;
  currency?: string | null;
}

export interface ActRow {
  id: string;
  at: string;
  actor: string;
  action: string;
  lead_id: string | null;
  notification_id: string | null;
  from_state: string | null;
  to_state: string | null;
  subject: string | null;
  reason: string;
}

export interface Landed {
  channel: Channel;
  to: string;
  name?: string | null;
  subject: string | null;
  text: string;
  at: string;
}

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}
