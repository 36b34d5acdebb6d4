import type { Command } from "commander";
import { readConfig, requireDatabaseUrl } from "../config.ts";
import { OnceboxError } from "../errors.ts";
import { FORMATS, type Format } from "./register/input.ts";
import { registerMany } from "./register/many.ts";
import { registerOne } from "./register/one.ts";

/** As commander hands them over. */
interface Flags {
  readonly name?: string;
  readonly phone?: string;
  readonly email?: string;
  readonly source?: string;
  readonly idempotencyKey?: string;
  readonly due?: string;
  readonly kind?: string;
  readonly data?: string;
  readonly expires?: string;
  readonly file?: string;
  readonly format?: string;
  readonly json?: true;
}

export function registerCommand(command: Command): Command {
  return command
    .option("--name <text>", "shown in the texts as {{name}}")
    .option("--phone <number>", "gets the SMS: +7 777 123 45 67, 8 (777) 123-45-67")
    .option("--email <address>", "gets the email")
    .option(
      "--source <name>",
      'the form it came from; keys are unique per source (default: "default")',
    )
    .option("--idempotency-key <key>", "the same key with the same content is the same lead")
    .option("--due <time>", "now, or a time as Postgres reads it (default: the database's delay)")
    .option("--kind <name>", 'which templates to use (default: "proftest")')
    .option("--data <json>", `variables of the texts, such as '{"result_url": ".."}'`)
    .option("--expires <time>", "not sent after this (default: never too late)")
    .option("--file <path>", "a file of leads, or - for standard input")
    .option("--format <csv|ndjson>", "of the file, when its name does not tell")
    .option("--json", "for scripts")
    .addHelpText("after", HELP)
    .action(async (flags: Flags) => {
      const exitCode =
        flags.file === undefined ? await runOne(flags) : await runMany(flags, flags.file);
      if (exitCode !== 0) process.exitCode = exitCode;
    });
}

const HELP = `
A file is CSV with a header or NDJSON, in UTF-8 and of any size. Its columns are called name, phone,
email, source, idempotency_key, due_at, data, kind, expires_at, sms_text, email_subject, email_text;
any other one becomes a variable of the texts. --source, --kind, --due and --expires are for records
that have none of their own. A time without a zone is in the zone of the database's session.

A record without an idempotency_key gets one made of its content (when it is due left out): the same
file again registers nothing twice, and a row that is in it twice is one lead. A refused record is
told with its line and holds no other back: correct it and run the same command again.

Examples:
  oncebox register --name Айгерим --phone "+7 777 123 45 67" --email a@example.kz --due now
  oncebox register --phone 87771234567 --data '{"result_url": "https://example.kz/r/1"}' --json
  oncebox register --file leads.csv --source proftest
  oncebox register --file export.txt --format ndjson --due "2026-09-01 09:00+05"
  psql -c "copy (select name, phone from old_lead) to stdout csv header" | oncebox register --file -

Exit codes: 0 all registered or recognised, 1 some refused or the file broke off, 2 wrong usage,
130 or 143 stopped by a signal.`;

async function runOne(flags: Flags): Promise<number> {
  if (flags.format !== undefined) {
    throw invalid("--format is given without --file", "Add --file, or leave --format out.");
  }
  if (flags.phone === undefined && flags.email === undefined) {
    throw invalid(
      "none of --phone, --email and --file is given, wanted a lead or a file of them",
      'Write oncebox register --phone "+7 777 123 45 67", or oncebox register --file leads.csv.',
    );
  }
  const lead = {
    name: flags.name,
    phone: flags.phone,
    email: flags.email,
    source: flags.source,
    idempotency_key: flags.idempotencyKey,
    due_at: flags.due,
    data: flags.data === undefined ? undefined : parseData(flags.data),
    kind: flags.kind,
    expires_at: flags.expires,
  };
  const databaseUrl = requireDatabaseUrl(readConfig());
  await registerOne({ lead, databaseUrl, isJson: flags.json === true }, process.stdout);
  return 0;
}

async function runMany(flags: Flags, file: string): Promise<number> {
  const ofOne = ["name", "phone", "email", "idempotencyKey", "data"] as const;
  const wrong = ofOne.find((it) => flags[it] !== undefined);
  if (wrong !== undefined) {
    const flag = wrong === "idempotencyKey" ? "--idempotency-key" : `--${wrong}`;
    throw invalid(
      `--file and ${flag} are given together, wanted one lead or a file of them`,
      `Leave ${flag} out, or make it a column of the file.`,
    );
  }
  return await registerMany(
    {
      file,
      format: flags.format === undefined ? undefined : parseFormat(flags.format),
      defaults: {
        source: flags.source,
        kind: flags.kind,
        due_at: flags.due,
        expires_at: flags.expires,
      },
      isJson: flags.json === true,
      databaseUrl: () => requireDatabaseUrl(readConfig()),
    },
    process,
  );
}

function parseFormat(text: string): Format {
  const format = FORMATS.find((it) => it === text.toLowerCase());
  if (format !== undefined) return format;
  throw invalid(
    `--format is ${JSON.stringify(text)}, wanted ${FORMATS.join(" or ")}`,
    "Leave it out for a file whose name ends with .csv or .ndjson.",
  );
}

function parseData(text: string): unknown {
  const data = tryParse(text);
  if (typeof data === "object" && data !== null && !Array.isArray(data)) return data;
  throw invalid(
    `--data is ${data === undefined ? "no JSON" : "JSON"} of ${text.length} characters, wanted a JSON object`,
    `Write it as '{"result_url": "https://.."}', in single quotes.`,
  );
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function invalid(message: string, hint: string): OnceboxError {
  return new OnceboxError("ONCEBOX_INPUT_INVALID", message, { hint });
}
