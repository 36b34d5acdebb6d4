import { userInfo } from "node:os";
import type { Command } from "commander";
import { readConfig, requireDatabaseUrl } from "../config.ts";
import { assertSchemaIsCurrent } from "../db/migrate.ts";
import { OnceboxError } from "../errors.ts";
import { eraseLead, findLeads } from "../outbox/erase.ts";
import { withDatabase } from "./database.ts";

interface Options {
  readonly lead?: string;
  readonly phone?: string;
  readonly email?: string;
  readonly dryRun?: true;
  readonly json?: true;
}

export function eraseCommand(command: Command): Command {
  return command
    .option("--lead <id>", "of one lead")
    .option("--phone <number>", "of every lead with this number")
    .option("--email <address>", "of every lead with this address")
    .option("--dry-run", "only say which leads")
    .option("--json", "for scripts")
    .addHelpText(
      "after",
      `
One of --lead, --phone and --email. What waits is cancelled, what is in doubt is closed, and nothing is sent again:
states, flags, times and the providers' ids stay, and a repeated registration with the same key is still
recognised. Columns of public.landing_leads that are not oncebox's are yours to clear, and so is what
Mobizon and the mail server keep. There is no way back.

Examples:
  oncebox erase --phone "+7 777 123 45 67" --dry-run
  oncebox erase --lead 5f0c1a52-3c59-4d0e-9a53-0f0c1a523c59`,
    )
    .action(async (options: Options) => {
      assertOne(options);
      await withDatabase(
        requireDatabaseUrl(readConfig()),
        "oncebox erase",
        async ({ pool, db }) => {
          await assertSchemaIsCurrent(pool);
          const person = options.phone ?? options.email;
          const leads = person === undefined ? [leadOf(options)] : await findLeads(db, person);
          if (leads.length === 0)
            throw new OnceboxError("ONCEBOX_NOT_FOUND", "there is no lead with it", {
              hint: "Nothing was changed.",
            });
          let closed = 0;
          if (!options.dryRun)
            for (const leadId of leads) {
              closed += await eraseLead(db, leadId, userInfo().username);
              if (!options.json) console.log(`lead ${leadId} is erased`);
            }
          if (options.json) console.log(JSON.stringify({ erased: !options.dryRun, leads, closed }));
          else if (options.dryRun)
            console.log(`would be erased: ${leads.map((it) => `lead ${it}`).join(", ")}`);
          else console.log(`${leads.length} erased, ${closed} notifications closed`);
        },
      );
    });
}

function assertOne({ lead, phone, email }: Options): void {
  const given = [lead, phone, email].filter((it) => it !== undefined);
  if (given.length === 1) return;
  throw new OnceboxError(
    "ONCEBOX_INPUT_INVALID",
    `wanted one of --lead, --phone and --email, got ${given.length}`,
    { hint: "See oncebox erase --help." },
  );
}

function leadOf({ lead = "" }: Options): string {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(lead)) return lead;
  throw new OnceboxError("ONCEBOX_INPUT_INVALID", "--lead is no id of a lead, wanted a uuid", {
    hint: "See oncebox notifications list.",
  });
}
