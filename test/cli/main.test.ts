import { Command } from "commander";
import { describe, expect } from "vitest";
import { COMMANDS } from "../../src/cli/commands.ts";
import { oncebox } from "../db/support/oncebox.ts";
import { test } from "../support/fixture.ts";
import { loadedBy } from "./support/loaded.ts";

const UNREACHABLE = { DATABASE_URL: "postgres://u:canary@127.0.0.1:1/x" };

describe("oncebox --help", () => {
  test("lists the commands, with examples and the exit codes", async () => {
    const { exitCode, stdout, stderr } = await oncebox(["--help"]);

    expect([exitCode, stderr]).toEqual([0, ""]);
    for (const command of ["dev", "migrate", "worker", "register", "notifications"]) {
      expect(stdout).toMatch(new RegExp(`^ {2}${command} .*\\w{3}`, "m"));
    }
    expect(stdout).toMatch(/^Examples:\n {2}oncebox dev /m);
    expect(stdout).toMatch(/^Exit codes: 0 good, 1 .*, 2 /m);
  });

  for (const command of ["dev", "migrate", "worker", "register", "notifications"]) {
    test(`has an example for ${command}, too`, async () => {
      const { exitCode, stdout } = await oncebox([command, "--help"]);

      expect(exitCode).toBe(0);
      expect(stdout).toMatch(new RegExp(`^Examples?:\\n(?:.*\\n)*? {2}.*oncebox ${command}`, "m"));
    });
  }

  test("loads nothing that only a command needs", async () => {
    expect(await loadedBy(["--help"])).toEqual({
      packages: ["commander"],
      files: ["cli/commands.ts", "cli/main.ts", "errors.ts", "version.ts"],
    });
  });

  test("lists each command as the command itself says", async () => {
    for (const { usage, load } of COMMANDS) {
      const program = new Command();
      const [name = ""] = usage.split(" ");
      const command = (await load())(program.command(name));

      expect(program.createHelp().subcommandTerm(command)).toBe(usage);
    }
  });

  test("is what help prints of a command", async () => {
    const [asked, help] = await Promise.all([
      oncebox(["serve", "--help"]),
      oncebox(["help", "serve"]),
    ]);

    expect(help).toEqual(asked);
    expect(help.stdout).toContain("--worker");
  });

  test("prints no line that a terminal of 120 columns would break", async () => {
    const { stdout } = await oncebox(["--help"], { COLUMNS: "120" });

    expect(stdout.split("\n").filter((line) => line.length > 120)).toEqual([]);
  });
});

test("oncebox worker loads what it sends with, and serves metrics with, where it does so", async () => {
  const loads = async (env: Record<string, string>) => {
    const { packages } = await loadedBy(["worker"], { ...UNREACHABLE, ...env });
    return ["fastify", "nodemailer", "prom-client", "undici"].filter((it) => packages.includes(it));
  };
  const sms = { MOBIZON_API_KEY: "key" };
  const email = { SMTP_URL: "smtp://127.0.0.1:1", MAIL_FROM: "a@example.kz" };

  expect(await loads(sms)).toEqual(["undici"]);
  expect(await loads(email)).toEqual(["nodemailer"]);
  expect(await loads({ ...sms, ONCEBOX_METRICS: "127.0.0.1:0" })).toEqual([
    "prom-client",
    "undici",
  ]);
});

test("oncebox --version says the package's version", async () => {
  const { exitCode, stdout } = await oncebox(["--version"]);

  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

describe("wrong usage", () => {
  const wrong: readonly [what: string, args: string[], message: RegExp][] = [
    ["an unknown command", ["migrat"], /unknown command 'migrat'\n\(Did you mean migrate\?\)/],
    ["an unknown command of a command", ["migrate", "upp"], /unknown command 'upp'/],
    ["an unknown option", ["worker", "--fast"], /unknown option '--fast'/],
    ["an argument too many", ["worker", "now"], /too many arguments/],
    ["an option without its value", ["register", "--phone"], /argument missing/],
  ];
  for (const [what, args, message] of wrong) {
    test(`exits 2 with a hint: ${what}`, async () => {
      const { exitCode, stdout, stderr } = await oncebox(args);

      expect([exitCode, stdout]).toEqual([2, ""]);
      expect(stderr).toMatch(message);
      expect(stderr).toContain("(add --help for usage and examples)");
    });
  }

  test("exits 2 for a setting that is wrong or missing", async () => {
    const missing = await oncebox(["migrate", "status"]);
    const wrong = await oncebox(["worker"], { LOG_LEVEL: "verbose" });

    expect([missing.exitCode, wrong.exitCode]).toEqual([2, 2]);
    expect(missing.stderr).toMatch(/^ONCEBOX_CONFIG_INVALID: DATABASE_URL is not set/);
    expect(wrong.stderr).toMatch(
      /^ONCEBOX_CONFIG_INVALID: LOG_LEVEL: got "verbose", wanted one of/,
    );
  });

  test("exits 2 with the commands when none is given", async () => {
    const { exitCode, stdout, stderr } = await oncebox([]);

    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^Commands:$/m);
  });
});

describe("an error", () => {
  test("is printed to stderr: code and message, then what to do, and no stack", async () => {
    const { exitCode, stdout, stderr } = await oncebox(["migrate", "up"], UNREACHABLE);

    expect([exitCode, stdout]).toEqual([1, ""]);
    expect(stderr.split("\n")).toEqual([
      expect.stringMatching(
        /^ONCEBOX_DATABASE_UNREACHABLE: the database cannot be reached: .*127\.0\.0\.1:1$/,
      ),
      "Check DATABASE_URL, that the server runs, and that it lets this machine in.",
      "",
    ]);
  });

  test("has its detail on a line of its own", async () => {
    const { exitCode, stderr } = await oncebox(["dev", "--data", "/dev/null/x"], {
      NODE_ENV: "production",
    });

    expect(exitCode).toBe(1);
    expect(stderr.split("\n")).toEqual([
      "ONCEBOX_SANDBOX_FAILED: the sandbox's Postgres does not run with NODE_ENV=production",
      "The sandbox only pretends to send: no message would reach anyone.",
      "Configure the real provider, or unset NODE_ENV on a development machine.",
      "",
    ]);
  });

  test("is the same when a script asked for JSON: stdout stays empty", async () => {
    const { exitCode, stdout, stderr } = await oncebox(
      ["migrate", "status", "--json"],
      UNREACHABLE,
    );

    expect([exitCode, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^ONCEBOX_DATABASE_UNREACHABLE: /);
    expect(stderr).not.toContain("canary");
  });

  test("of Postgres' own, such as a missing right, has its SQLSTATE and no stack", async ({
    databaseUrl,
  }) => {
    const url = new URL(databaseUrl);
    url.searchParams.set("options", "-c role=pg_monitor");

    const { exitCode, stdout, stderr } = await oncebox(["migrate", "status"], {
      DATABASE_URL: url.href,
    });

    expect([exitCode, stdout]).toEqual([1, ""]);
    expect(stderr).toBe("SQLSTATE 42501: permission denied for schema oncebox\n");
  });

  test("of a standby says where to go", async ({ databaseUrl }) => {
    const url = new URL(databaseUrl);
    url.searchParams.set("options", "-c default_transaction_read_only=on");

    const { exitCode, stderr } = await oncebox(["worker"], {
      DATABASE_URL: url.href,
      MOBIZON_API_KEY: "key",
    });

    expect(exitCode).toBe(1);
    expect(stderr).toContain("SQLSTATE 25006: cannot execute INSERT in a read-only transaction\n");
    expect(stderr).toMatch(/^This is a standby, or read-only: .* Nothing was written\.$/m);
  });
});
