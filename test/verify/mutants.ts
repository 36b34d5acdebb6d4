import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Mutant } from "../../src/verify/round.ts";
import type { Mode } from "../../src/verify/steps.ts";

/** A fault that somebody could make, and that the crash proof has to find. */
export interface NamedMutant {
  readonly name: string;
  readonly what: string;
  /** The mode in which it can do harm. */
  readonly mode: Mode;
  /** In SQL: exact pieces of a function's text, and what stands in their place. */
  readonly sql?: Readonly<Record<string, readonly [from: string, to: string][]>>;
  /** In the worker: see mutant-worker.ts. */
  readonly worker?: boolean;
}

export const MUTANTS: readonly NamedMutant[] = [
  {
    name: "claim-after-send",
    what: "looks whether it was sent, sends, and only then writes it down",
    mode: "message",
    sql: {
      claim: [
        ["set state        = 'claimed',", "set state        = 'pending',"],
        ["lease_until  = clock_timestamp() + lease,", "lease_until  = null,"],
        [
          "if not oncebox.take_flag(v_row.lead_id, v_row.channel) then",
          "if exists (select from public.landing_leads as l where l.id = v_row.lead_id and (case v_row.channel when 'sms' then l.sms_sent else l.email_sent end)) then",
        ],
      ],
      settle: [["(v_row.state = 'claimed' and", "(v_row.state in ('claimed', 'pending') and"]],
    },
  },
  {
    name: "claim-unconditionally",
    what: "claims what another holds",
    mode: "message",
    sql: {
      claim: [
        ["and ((n.state = 'pending' and", "and ((n.state in ('pending', 'claimed') and"],
        [
          "if v_row.state = 'claimed' then",
          "if v_row.state = 'claimed' and v_row.claim_token = claim.token then",
        ],
        [
          "if not oncebox.take_flag(v_row.lead_id, v_row.channel) then",
          "perform oncebox.take_flag(v_row.lead_id, v_row.channel); if false then",
        ],
      ],
    },
  },
  {
    name: "claim-forgets-its-token",
    what: "asks again with another token when a commit is in doubt",
    mode: "campaign",
    worker: true,
  },
  {
    name: "timeout-is-not-sent",
    what: "a timeout read as not sent",
    mode: "message",
    worker: true,
  },
  { name: "reset-is-not-sent", what: "ECONNRESET read as not sent", mode: "message", worker: true },
  {
    name: "conn-is-not-sent",
    what: "email: nodemailer's connection errors read as not sent",
    mode: "campaign",
    worker: true,
  },
  {
    name: "settle-without-fence",
    what: "an attempt settles although it no longer owns the row",
    mode: "campaign",
    sql: { settle: [["if v_row.attempt <> settle.attempt\n     or not (", "if false and not ("]] },
  },
  {
    name: "sweep-sends-again",
    what: "what a dead worker held is sent again without proof",
    mode: "message",
    sql: {
      sweep: [
        ["case when h.is_unsent and h.deaths < 3 then 'pending' else 'unknown' end", "'pending'"],
        ["case when h.deaths < 3 and not h.is_unsent then clock_timestamp() end", "null"],
      ],
    },
  },
  { name: "unknown-is-failed", what: "in doubt read as failed", mode: "message", worker: true },
  {
    name: "absent-once-is-enough",
    what: "one empty list of the provider read as proof",
    mode: "message",
    sql: {
      reconcile: [["and v_absent >= 2 and clock_timestamp() > v_deadline then", "then"]],
    },
  },
  {
    name: "draft-without-fence",
    what: "an attempt that lost its claim writes its own draft over the kept one, and sends it",
    mode: "campaign",
    sql: {
      keep_draft: [
        ["and n.attempt = keep_draft.attempt", ""],
        ["and n.state = 'claimed'", ""],
        ["and n.lease_until > clock_timestamp()", ""],
        ["and (n.campaign_id is null", "and (true"],
      ],
    },
  },
  {
    name: "settle-unchecked",
    what: "a settle whose commit failed is taken for done",
    mode: "campaign",
    worker: true,
  },
  {
    name: "guard-off",
    what: "no look at the clock before the byte that cannot be taken back",
    mode: "message",
    worker: true,
  },
];

/** As verify takes it. @throws TypeError when the product has moved on and the mutant no longer fits. */
export function mutantOf({ name, sql = {}, worker }: NamedMutant): Mutant {
  return {
    ...(worker === true && {
      workerFile: fileURLToPath(new URL("./mutant-worker.ts", import.meta.url)),
      workerArguments: [name],
    }),
    sql: Object.entries(sql)
      .map(([file, changes]) => changed(file, changes))
      .join("\n"),
  };
}

function changed(name: string, changes: readonly [from: string, to: string][]): string {
  const file = new URL(`../../sql/functions/${name}.sql`, import.meta.url);
  return changes.reduce(
    (text, [from, to]) => {
      if (text.split(from).length !== 2) {
        throw new TypeError(`sql/functions/${name}.sql has no single piece of text "${from}"`);
      }
      return text.replace(from, () => to);
    },
    readFileSync(file, "utf8"),
  );
}
