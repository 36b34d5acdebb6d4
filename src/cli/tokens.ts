import { userInfo } from "node:os";
import Table from "cli-table3";
import { type Command, Option } from "commander";
import { parseIntervalMs, readConfig, requireDatabaseUrl } from "../config.ts";
import { assertSchemaIsCurrent } from "../db/migrate.ts";
import { OnceboxError } from "../errors.ts";
import { listTokens, type TokenView } from "../inspect/tokens.ts";
import { makeToken, revokeToken, SCOPES, type Scope } from "../outbox/tokens.ts";
import { type Database, withDatabase } from "./database.ts";

/** Who may do more may also look. */
const IMPLIED: Readonly<Record<Scope, readonly Scope[]>> = {
  write: ["write"],
  read: ["read"],
  operate: ["read", "operate"],
  admin: ["read", "operate", "admin"],
};

export function tokensCommand(command: Command): Command {
  command.addHelpText(
    "after",
    `
A token may do what its scopes say:
  write    register leads, of its own source
  read     look; people's data is masked
  operate  cancel, retry, resolve, reveal a person's data (and read)
  admin    change texts, send tests, open a paused channel (and operate)

Examples:
  oncebox tokens make site --scope write --source proftest
  oncebox tokens make aigerim --scope operate --expires "90 days"
  oncebox tokens make prometheus --scope read
  oncebox tokens list
  oncebox tokens revoke site --reason "the server was given back"`,
  );
  command
    .command("make <name>")
    .description(
      "prints the token, once: only its hash is kept; a name is never given twice, not even after a revocation",
    )
    .addOption(
      new Option("--scope <scope...>", "what it may do").choices(SCOPES).makeOptionMandatory(),
    )
    .option("--source <source>", "of every lead registered with it (default: its name)")
    .option("--expires <interval>", 'not good after, such as "90 days" (default: until revoked)')
    .option("--json", "for scripts")
    .addHelpText(
      "after",
      `
To change a token, make one of another name and the same source, so that the Idempotency-Keys that
were used stay known, and revoke the old one:
  oncebox tokens make site --scope write
  oncebox tokens make site-2 --scope write --source site
  oncebox tokens revoke site --reason "site-2 is in its place"`,
    )
    .action((name: string, options: MakeOptions) => using((it) => make(it, name, options)));
  command
    .command("list")
    .description("every token that was ever made")
    .option("--json", "for scripts")
    .action(({ json }: { json?: true }) => using((it) => list(it, json === true)));
  command
    .command("revoke <name>")
    .description("it and every session opened with it end within five seconds")
    .requiredOption("--reason <text>", "kept in the audit")
    .action((name: string, { reason }: { reason: string }) =>
      using(async ({ db }) => {
        await revokeToken(db, name, userInfo().username, reason);
        console.log(`token ${name} is revoked`);
      }),
    );
  return command;
}

interface MakeOptions {
  readonly scope: readonly Scope[];
  readonly source?: string;
  readonly expires?: string;
  readonly json?: true;
}

async function make({ db }: Database, name: string, options: MakeOptions): Promise<void> {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,59}$/.test(name)) {
    throw wrong(
      `the name is ${JSON.stringify(name)}, wanted at most 60 letters, digits, "_", "." or "-"`,
      "Name the program or the person that will hold it, such as site.",
    );
  }
  const wanted = options.scope.flatMap((it) => IMPLIED[it]);
  const scopes = SCOPES.filter((it) => wanted.includes(it));
  const expiresAt = options.expires === undefined ? null : expiryOf(options.expires);
  const source = options.source ?? name;
  const token = await makeToken(db, {
    name,
    scopes,
    source,
    expiresAt,
    actor: userInfo().username,
  });
  if (options.json) {
    console.log(JSON.stringify({ name, token, scopes, source, expiresAt }));
    return;
  }
  console.log(token);
  console.error(`token ${name} may ${scopes.join(", ")}; keep it now, it is shown only once`);
}

function expiryOf(text: string): Date {
  const milliseconds = parseIntervalMs(text);
  if (milliseconds !== null && milliseconds > 0) return new Date(Date.now() + milliseconds);
  throw wrong(
    `--expires is ${JSON.stringify(text)}, wanted an interval such as "90 days"`,
    "Leave it out for a token that is good until it is revoked.",
  );
}

function wrong(message: string, hint: string): OnceboxError {
  return new OnceboxError("ONCEBOX_INPUT_INVALID", message, { hint });
}

async function list({ db }: Database, isJson: boolean): Promise<void> {
  const tokens = await listTokens(db);
  if (isJson) console.log(JSON.stringify(tokens));
  else if (tokens.length === 0) console.log("none");
  else console.log(tableOf(tokens));
}

function tableOf(tokens: readonly TokenView[]): string {
  const table = new Table({
    head: ["name", "may", "source", "state", "made by", "made", "last used"],
    style: { head: [], border: [] },
  });
  for (const it of tokens) {
    table.push([
      it.name,
      it.scopes.join(", "),
      it.source,
      stateOf(it),
      it.createdBy,
      it.createdAt.toISOString(),
      it.lastUsedAt?.toISOString() ?? "never",
    ]);
  }
  return table.toString();
}

function stateOf({ isGood, revokedAt, expiresAt }: TokenView): string {
  if (revokedAt !== null) return `revoked ${revokedAt.toISOString()}`;
  if (expiresAt === null) return "good";
  return `${isGood ? "good until" : "expired"} ${expiresAt.toISOString()}`;
}

async function using(work: (database: Database) => Promise<void>): Promise<void> {
  await withDatabase(requireDatabaseUrl(readConfig()), "oncebox tokens", async (database) => {
    await assertSchemaIsCurrent(database.pool);
    await work(database);
  });
}
