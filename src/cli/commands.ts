import type { Command } from "commander";

interface Listed {
  /** Name and arguments, as the list of commands shows them. */
  readonly usage: string;
  readonly description: string;
  /** What gives the command its options, its help and what it does. */
  readonly load: () => Promise<(command: Command) => Command>;
}

/** Every command, in the order of the help. Only one that is called is loaded: all that they need takes half a second. */
export const COMMANDS: readonly Listed[] = [
  {
    usage: "dev [options]",
    description:
      "everything on this machine: Postgres, stand-ins for Mobizon and SMTP, a worker, the dashboard",
    load: async () => (await import("./dev.ts")).devCommand,
  },
  {
    usage: "migrate",
    description: "bring the database's schema to this version, back, or say where it is",
    load: async () => (await import("./migrate.ts")).migrateCommand,
  },
  {
    usage: "worker",
    description: "send what is due; SIGTERM or Ctrl-C drains and exits 0",
    load: async () => (await import("./worker.ts")).workerCommand,
  },
  {
    usage: "serve [options]",
    description: "HTTP API and dashboard; SIGTERM or Ctrl-C answers what is under way and exits 0",
    load: async () => (await import("./serve.ts")).serveCommand,
  },
  {
    usage: "register [options]",
    description: "register one lead, or a file of them",
    load: async () => (await import("./register.ts")).registerCommand,
  },
  {
    usage: "adopt [options]",
    description:
      "take over leads that another program wrote and never sent; a dry run unless --apply",
    load: async () => (await import("./adopt.ts")).adoptCommand,
  },
  {
    usage: "notifications",
    description: "look at notifications, and act; every act is audited",
    load: async () => (await import("./notifications.ts")).notificationsCommand,
  },
  {
    usage: "tokens",
    description: "keys to the HTTP API and the dashboard; every act is audited",
    load: async () => (await import("./tokens.ts")).tokensCommand,
  },
  {
    usage: "doctor [options]",
    description: "look whether everything is well; changes nothing, exit 1 if something is not",
    load: async () => (await import("./doctor.ts")).doctorCommand,
  },
  {
    usage: "prune [options]",
    description: "remove old final notifications; never an unsent or unknown one",
    load: async () => (await import("./prune.ts")).pruneCommand,
  },
  {
    usage: "erase [options]",
    description: "forget a person: name, number, address and texts, wherever oncebox keeps them",
    load: async () => (await import("./erase.ts")).eraseCommand,
  },
  {
    usage: "audit [options]",
    description: "compare our record with Mobizon's own, both ways; exit 1 on a difference",
    load: async () => (await import("./audit.ts")).auditCommand,
  },
  {
    usage: "hold [options]",
    description: "say that this database is a copy or went back in time: hold what is due",
    load: async () => (await import("./resume.ts")).holdCommand,
  },
  {
    usage: "resume [options]",
    description: "send what was held after a failover, a restore or a copy",
    load: async () => (await import("./resume.ts")).resumeCommand,
  },
  {
    usage: "verify [options]",
    description: "the crash proof: kills workers at every step against stand-ins, and counts",
    load: async () => (await import("./verify.ts")).verifyCommand,
  },
];
