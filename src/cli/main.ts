#!/usr/bin/env node
import { enableCompileCache } from "node:module";
import { fileURLToPath } from "node:url";
import { Command, CommanderError } from "commander";
import { OnceboxError } from "../errors.ts";
import { readVersion } from "../version.ts";
import { COMMANDS } from "./commands.ts";

// Compiled once and kept for the next start. In the package's own folder: whoever may write there may change
// the code as well, which is not so for Node's default, a folder of /tmp that anybody may have made before.
// Where we may not write, or Node is told not to (NODE_DISABLE_COMPILE_CACHE), it does without, and never throws.
enableCompileCache(fileURLToPath(new URL("../../node_modules/.cache/oncebox", import.meta.url)));

/** Errors that the caller mends by calling differently. */
const USAGE = new Set(["ONCEBOX_CONFIG_INVALID", "ONCEBOX_INPUT_INVALID"]);
/** What Postgres gives no hint for, by its SQLSTATE. */
const HINTS: Readonly<Record<string, string>> = {
  "25006":
    "This is a standby, or read-only: let DATABASE_URL lead to the primary. Nothing was written.",
};

const program = new Command("oncebox")
  .description("A lead comes in; exactly one SMS and one email go out.")
  .version(readVersion())
  .showHelpAfterError("(add --help for usage and examples)")
  .exitOverride()
  .addHelpText(
    "after",
    `
Examples:
  oncebox dev                                   everything on this machine, nothing to set up
  oncebox migrate up                            bring the database of DATABASE_URL to this version
  oncebox worker                                send what is due, until SIGTERM or Ctrl-C
  oncebox register --name Айгерим --phone "+7 777 123 45 67" --email a@example.kz

Exit codes: 0 good, 1 something failed, 2 wrong usage or settings.`,
  );

for (const { usage, description, load } of COMMANDS) {
  const [name = ""] = usage.split(" ");
  // Wherever it stands, for "help NAME" as well. The others are only listed.
  const isCalled = process.argv.includes(name);
  const command = program.command(isCalled ? name : usage).description(description);
  if (isCalled) inheritSettings((await load())(command));
}

// Whoever reads us, such as head, has had enough: that is no failure of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = await report(error);
}
// pm2 listens in our process to its channel to us, which would keep a process alive that is done.
process.channel?.unref();

function inheritSettings(command: Command): Command {
  command.copyInheritedSettings(program);
  for (const child of command.commands) inheritSettings(child);
  return command;
}

/** The error as message, detail and hint, each on its own line; answers the exit code. */
async function report(error: unknown): Promise<number> {
  // Commander has printed its own: help asked for (0), or a wrong option (2).
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof OnceboxError) {
    console.error(`${error.code}: ${error.message}`);
    if (error.detail !== undefined) console.error(error.detail);
    console.error(error.hint);
    return USAGE.has(error.code) ? 2 : 1;
  }
  // Not loaded before: whoever only asks for help needs no Postgres.
  const { DatabaseError } = await import("pg");
  if (error instanceof DatabaseError) {
    // Postgres' own, such as a missing right. Not its detail: that may be a person's row.
    console.error(`SQLSTATE ${error.code}: ${error.message}`);
    const hint = error.hint ?? HINTS[error.code ?? ""];
    if (hint !== undefined) console.error(hint);
    return 1;
  }
  console.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return 1;
}
