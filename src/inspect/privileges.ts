/** The roles of `sql/roles.sql`. */
export const ROLES = [
  "oncebox_owner",
  "oncebox_writer",
  "oncebox_worker",
  "oncebox_reader",
  "oncebox_operator",
  "oncebox_server",
] as const;

/** Everybody, and Supabase's roles for the browser: nothing of ours is theirs. */
export const STRANGERS = ["public", "anon", "authenticated"] as const;

/** One cell of the matrix: a role, what it may do, on what. */
export interface Privilege {
  readonly role: string;
  /** Such as `select`, or `update (delay)` for one column. */
  readonly right: string;
  /** Such as `table oncebox.setting`, `view ..`, `function ..`, `schema ..`. */
  readonly object: string;
}

/** What runs with its owner's rights, so that its caller needs none of its own; by who may call it. */
const CALLS = {
  oncebox_writer: ["register_lead", "register_leads"],
  oncebox_worker: [
    ...[
      "claim",
      "claim_each",
      "keep_draft",
      "keep_draft_each",
      "settle",
      "settle_each",
      "release",
      "ring",
      "sweep",
    ],
    ...[
      "take_lookups",
      "reconcile",
      "take_discards",
      "discarded",
      "wake",
      "next_due_in",
      "trace_of",
      "prune",
    ],
    "prunable",
    ...["take_deliveries", "note_deliveries", "take_balance", "note_balance"],
  ],
  oncebox_operator: [
    ...["cancel", "retry", "resolve", "hold", "resume", "leads_of", "erase_lead"],
    ...["adoptable_leads", "adopt_leads", "reveal", "save_template", "make_token", "revoke_token"],
    ...["find_leads", "reopen_channel", "send_test", "preview_text"],
  ],
  oncebox_server: [
    ...["use_token", "open_session", "use_session", "close_session", "note_act", "over_limit"],
    ...["lead_problems", "take_webhook", "check_session"],
  ],
} as const;

/** Functions that run with their owner's rights. */
export const WITH_OWNERS_RIGHTS: readonly string[] = [
  ...Object.values(CALLS).flat(),
  "job_counts",
  "masked_lead",
  "reference",
].map((it) => `oncebox.${it}`);

const VIEWS = [
  ...["acts", "attempts", "broken_rules", "claims", "deliveries", "guard", "health", "jobs"],
  ...["last_hour", "lead_history", "leads", "lookups", "next_hour", "notifications", "prevented"],
  ...["pulse", "queue"],
  ...[
    "sends_per_day",
    "sends_per_hour",
    "sms_cost",
    "templates",
    "tokens",
    "undelivered",
    "workers",
  ],
];
const CALLED_BY_VIEWS = [
  ...[
    "mask_phone",
    "mask_email",
    "masked_lead",
    "reference",
    "epoch",
    "locks_of_workers",
    "sms_segments",
  ],
  "job_counts",
];
const JOB_TABLES = [
  ...["_private_jobs", "_private_job_queues", "_private_tasks", "_private_known_crontabs"],
];

/**
 * The whole matrix: what is not here, nobody but the owner may. `sql/roles.sql` grants it; a test holds
 * the two together.
 */
export const DECLARED: readonly Privilege[] = [
  ...ROLES.filter((it) => it !== "oncebox_owner").map((role) =>
    cell(role, "usage", "schema oncebox"),
  ),
  ...Object.entries(CALLS).flatMap(([role, names]) =>
    names.map((it) => cell(role, "execute", `function oncebox.${it}`)),
  ),
  // They read no table, and so need nobody's rights.
  ...["parse_since", "parse_time"].map((it) =>
    cell("oncebox_operator", "execute", `function oncebox.${it}`),
  ),
  ...["oncebox_reader", "oncebox_operator"].flatMap((role) => [
    ...VIEWS.map((it) => cell(role, "select", `view oncebox.${it}`)),
    ...CALLED_BY_VIEWS.map((it) => cell(role, "execute", `function oncebox.${it}`)),
  ]),
  ...["oncebox_worker", "oncebox_operator"].flatMap((role) => [
    cell(role, "select", "table oncebox.migration"),
    cell(role, "select", "table oncebox.setting"),
  ]),
  // For its own metrics.
  ...["pulse", "queue"].map((it) => cell("oncebox_worker", "select", `view oncebox.${it}`)),
  cell("oncebox_worker", "execute", "function oncebox.locks_of_workers"),
  ...["oncebox_worker", "oncebox_server"].map((role) =>
    cell(role, "update (delay)", "table oncebox.setting"),
  ),
  ...["select (id)", "select (job_workers)", "update (job_workers)", "update (stopped_at)"]
    .concat(["insert (id)", "insert (lock_key)", "insert (pid)", "insert (version)"])
    .map((right) => cell("oncebox_worker", right, "table oncebox.worker")),
  ...["oncebox_owner", "oncebox_worker"].flatMap((role) => [
    cell(role, "usage", "schema graphile_worker"),
    ...JOB_TABLES.flatMap((table) =>
      ["select", "insert", "update", "delete"].map((right) =>
        cell(role, right, `table graphile_worker.${table}`),
      ),
    ),
  ]),
  cell("oncebox_worker", "select", "table graphile_worker.migrations"),
  ...["select", "insert", "update", "references"].map((right) =>
    cell("oncebox_owner", right, "table public.landing_leads"),
  ),
];

function cell(role: string, right: string, object: string): Privilege {
  return { role, right, object };
}
