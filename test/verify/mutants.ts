import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Mutant } from "../../src/verify/round.ts";
import type { Mode } from "../../src/verify/steps.ts";

/** Exact pieces of a file's text, and what stands in their place. */
type Changes = readonly (readonly [from: string, to: string])[];

/** A fault that somebody could make, and that the crash proof has to find. */
export interface NamedMutant {
  readonly name: string;
  readonly what: string;
  /** The mode in which it can do harm; one that a promotion brings to light is hunted by those instead. */
  readonly mode: Mode | "promotion";
  /** In functions, by name. */
  readonly sql?: Readonly<Record<string, Changes>>;
  /** In what a worker runs, by path in src. */
  readonly src?: Readonly<Record<string, Changes>> | undefined;
}

/** What is believed of what a channel `told`: an expression. */
function believing(expression: string): NamedMutant["src"] {
  const send = "await send(deps, claim, mayStillSend)";
  return {
    "tasks/send.ts": [
      [`const outcome = ${send};`, `const told = ${send}; const outcome = ${expression};`],
    ],
  };
}

function notSentIf(code: RegExp): NamedMutant["src"] {
  return believing(
    `told.kind === "unknown" && ${code}.test(told.code) ? { ...told, kind: "not_sent" } : told`,
  );
}

export const MUTANTS: readonly NamedMutant[] = [
  {
    name: "claim-after-send",
    what: "looks whether it was sent, sends, and only then writes it down",
    mode: "message",
    sql: {
      claim_each: [
        ["set state        = 'claimed',", "set state        = 'pending',"],
        ["lease_until  = clock_timestamp() + lease,", "lease_until  = null,"],
        [
          "set sms_sent   = case when w.sms then true else l.sms_sent end,",
          "set sms_sent = l.sms_sent,",
        ],
        [
          "email_sent = case when w.email then true else l.email_sent end",
          "email_sent = l.email_sent",
        ],
      ],
      settle_each: [["((k.was = 'claimed' and", "((k.was in ('claimed', 'pending') and"]],
    },
  },
  {
    name: "claim-unconditionally",
    what: "claims what another holds",
    mode: "message",
    sql: {
      claim_each: [
        [
          "when k.state = 'claimed' and k.claim_token = a.token then 'claimed'",
          "when k.state = 'claimed' and k.claim_token = a.token then 'claimed' when k.state = 'claimed' then 'ready'",
        ],
        ["and case n.channel when 'sms' then l.sms_sent else l.email_sent end is not true", ""],
        ["and not (w.sms and l.sms_sent is true)", ""],
        ["and not (w.email and l.email_sent is true)", ""],
      ],
    },
  },
  {
    name: "claim-forgets-its-token",
    what: "asks again with another token when a commit is in doubt",
    mode: "campaign",
    src: {
      "tasks/send.ts": [
        [
          "() => deps.moves.claim(request)",
          "() => deps.moves.claim({ ...request, token: randomUUID() })",
        ],
      ],
    },
  },
  {
    name: "timeout-is-not-sent",
    what: "a timeout read as not sent",
    mode: "message",
    src: notSentIf(/deadline|TIMEOUT|ETIMEDOUT/i),
  },
  {
    name: "reset-is-not-sent",
    what: "ECONNRESET read as not sent",
    mode: "message",
    src: notSentIf(/ECONNRESET|UND_ERR_SOCKET/),
  },
  {
    name: "conn-is-not-sent",
    what: "email: nodemailer's connection errors read as not sent",
    mode: "campaign",
    src: notSentIf(/ECONNECTION|ESOCKET|ECONNRESET/),
  },
  {
    name: "settle-without-fence",
    what: "an attempt settles although it no longer owns the row",
    mode: "campaign",
    sql: { settle_each: [["k.last_attempt = k.attempt\n           and (", "(true or "]] },
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
  {
    name: "unknown-is-failed",
    what: "in doubt read as failed",
    mode: "message",
    src: believing(`told.kind === "unknown" ? { ...told, kind: "rejected" } : told`),
  },
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
      keep_draft_each: [
        ["n.attempt = a.attempt", "true"],
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
    src: {
      "tasks/send.ts": [
        [
          "deps.moves.settle(key, outcome, claimed.history)",
          `deps.moves.settle(key, outcome, claimed.history).catch(() => ({ moved: true, state: "sent" }))`,
        ],
      ],
    },
  },
  {
    name: "guard-off",
    what: "no look at the clock before the byte that cannot be taken back",
    mode: "message",
    src: {
      "tasks/send.ts": [
        [
          "return elapsed < limitMs && wallElapsed < limitMs && wallElapsed > -2_000;",
          "return true;",
        ],
      ],
    },
  },
  {
    name: "http2-on",
    what: "HTTP/2 is spoken, and undici's replay of a refused POST let through",
    mode: "message",
    src: {
      "channels/http.ts": [
        [
          'import type { Socket } from "node:net";',
          `import type { Socket } from "node:net"; import { throughHttp2 } from "${new URL("./http2-front.ts", import.meta.url)}";`,
        ],
        [
          "takeConnection(origin, timeouts, request",
          "takeConnection(await throughHttp2(origin), timeouts, request",
        ],
        ["allowH2: false,\n    timeout:", "allowH2: true, useH2c: true, timeout:"],
        ["allowH2: false,\n    pipelining:", "allowH2: true, useH2c: true, pipelining:"],
        [`if (started) return controller.abort(new Error("replay refused"));`, ""],
      ],
    },
  },
  {
    name: "lock-through-a-pooler",
    what: "a worker's lock is not its own session's, and nobody looks",
    mode: "campaign",
    src: {
      "db/presence.ts": [
        // To a transaction pooler a session is one transaction long.
        ["select pg_advisory_lock($1::bigint)", "select pg_advisory_xact_lock($1::bigint)"],
        ["await assertSession(client, databaseUrl, lockKey);\n  } catch", "} catch"],
      ],
    },
  },
  {
    name: "listen-without-polling",
    what: "a job is noticed when it is inserted, and never again",
    mode: "campaign",
    src: {
      "shift.ts": [
        ["const POLL_INTERVAL_MS = 2_000;", "const POLL_INTERVAL_MS = 1_000_000_000;"],
        ["runAlarm(db, log, background.signal),", ""],
      ],
    },
    sql: { sweep: [["and n.due_at < statement_timestamp() - interval '10 seconds'", "and false"]] },
  },
  {
    name: "idempotency-outside",
    what: "the key is not written by the registration's own transaction: afterwards, if all goes well",
    mode: "campaign",
    sql: {
      register_each: [
        ["select g.lead_id, g.source, g.standing_key,", "select g.lead_id, g.source, null,"],
      ],
    },
  },
  {
    name: "epoch-guard-off",
    what: "a database that lost commits is not noticed",
    mode: "promotion",
    sql: {
      notice_epoch: [
        [
          "if (v_known.system_identifier, v_known",
          "if true or (v_known.system_identifier, v_known",
        ],
      ],
    },
  },
];

/** As verify takes it. @throws TypeError when the product has moved on and the mutant no longer fits. */
export function mutantOf(mutant: NamedMutant): Mutant {
  for (const path of Object.keys(mutant.src ?? {})) sourceOf(mutant, inProduct(`src/${path}`).href);
  return {
    ...(mutant.src !== undefined && {
      workerFile: fileURLToPath(new URL("./mutant-worker.ts", import.meta.url)),
      workerArguments: [mutant.name],
    }),
    sql: Object.entries(mutant.sql ?? {})
      .map(([name, changes]) => changed(inProduct(`sql/functions/${name}.sql`), changes))
      .join("\n"),
  };
}

/** The mutant's text of a module; null where it is the product's. */
export function sourceOf({ src = {} }: NamedMutant, url: string): string | null {
  const found = Object.entries(src).find(([path]) => inProduct(`src/${path}`).href === url);
  return found === undefined ? null : changed(new URL(url), found[1]);
}

function inProduct(path: string): URL {
  return new URL(`../../${path}`, import.meta.url);
}

function changed(file: URL, changes: Changes): string {
  return changes.reduce(
    (text, [from, to]) => {
      if (text.split(from).length !== 2) {
        throw new TypeError(`${file.pathname} has no single piece of text "${from}"`);
      }
      return text.replace(from, () => to);
    },
    readFileSync(file, "utf8"),
  );
}
