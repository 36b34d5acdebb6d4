import { chmod, mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { test } from "../support/fixture.ts";
import { census, makeFile, register } from "./support/register.ts";

const LEAD = ["--name", "Айгерим", "--phone", "8 (777) 123-45-67", "--email", "a@example.kz"];

describe("oncebox register with one lead", () => {
  test("says what it will get and when, without its number and address", async ({
    databaseUrl,
  }) => {
    const { exitCode, stdout, stderr } = await register(databaseUrl, [...LEAD, "--due", "now"]);

    expect(stdout).toMatch(
      /^lead [\w-]{36} created\n {2}sms {3}to \+7777•+67: due now\n {2}email to a•+@example\.kz: due now\n$/,
    );
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  });

  test("passes every flag on", async ({ databaseUrl, pool }) => {
    const args = [
      ...LEAD,
      ...["--source", "form", "--idempotency-key", "k", "--due", "2030-01-31 18:00:00+05"],
      ...["--kind", "proftest", "--data", '{"result_url": "u"}', "--expires", "2030-02-01Z"],
    ];

    await register(databaseUrl, args);

    const { rows } = await pool.query(
      `select r.source, r.idempotency_key, r.kind, r.data, l.name, l.phone, l.email, n.due_at, n.expires_at
         from oncebox.registration as r
         join public.landing_leads as l on l.id = r.lead_id
         join oncebox.notification as n on n.lead_id = l.id and n.channel = 'sms'`,
    );
    expect(rows).toEqual([
      {
        source: "form",
        idempotency_key: "k",
        kind: "proftest",
        data: { result_url: "u" },
        name: "Айгерим",
        phone: "+77771234567",
        email: "a@example.kz",
        due_at: new Date("2030-01-31T13:00:00Z"),
        expires_at: new Date("2030-02-01T00:00:00Z"),
      },
    ]);
  });

  test("recognises the same key with the same content", async ({ databaseUrl, pool }) => {
    const args = [...LEAD, "--idempotency-key", "k", "--json"];

    const first = JSON.parse((await register(databaseUrl, args)).stdout);
    const second = JSON.parse((await register(databaseUrl, args)).stdout);

    expect(first).toMatchObject({
      created: true,
      notifications: [
        { channel: "sms", recipient: "+7777•••••67", state: "pending" },
        { channel: "email", recipient: "a•••@example.kz", state: "pending" },
      ],
    });
    expect(second).toEqual({ ...first, created: false });
    expect(await census(pool)).toMatchObject({ leads: 1, notifications: 2 });
  });

  const refused: ReadonlyArray<[what: string, args: string[], code: string, message: string]> = [
    ["a wrong phone", ["--phone", "12"], "ONCEBOX_LEAD_INVALID", "phone is too short"],
    ["a time that is none", [...LEAD, "--due", "soon"], "ONCEBOX_LEAD_INVALID", 'due_at is "soon"'],
    [
      "a kind without a template",
      [...LEAD, "--kind", "none"],
      "ONCEBOX_TEMPLATE_MISSING",
      "there is no sms template",
    ],
  ];
  for (const [what, args, code, message] of refused) {
    test(`refuses ${what} as a failure, with its code and what to do`, async ({ databaseUrl }) => {
      const { exitCode, stdout, stderr } = await register(databaseUrl, args);

      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
      expect(stderr).toContain(`${code}: ${message}`);
      expect(stderr.trim().split("\n").length).toBeGreaterThan(1);
    });
  }
});

describe.concurrent("oncebox register with a wrong usage", () => {
  const wrong: ReadonlyArray<[what: string, args: string[], message: string]> = [
    ["nothing", [], "none of --phone, --email and --file is given"],
    ["only a name", ["--name", "A"], "none of --phone, --email and --file is given"],
    [
      "a file and a phone",
      ["--file", "-", "--phone", "1"],
      "--file and --phone are given together",
    ],
    [
      "a file and a key",
      ["--file", "-", "--idempotency-key", "1"],
      "--file and --idempotency-key are given together",
    ],
    ["a format without a file", ["--format", "csv", ...LEAD], "--format is given without --file"],
    [
      "an unknown format",
      ["--file", "-", "--format", "xml"],
      '--format is "xml", wanted csv or ndjson',
    ],
    [
      "a name that does not tell the format",
      ["--file", "leads.txt"],
      '--format is missing, and the name "leads.txt" does not tell it',
    ],
    [
      "data that is no JSON",
      [...LEAD, "--data", "{a}"],
      "--data is no JSON of 3 characters, wanted a JSON object",
    ],
    [
      "data that is a list",
      [...LEAD, "--data", "[1]"],
      "--data is JSON of 3 characters, wanted a JSON object",
    ],
    ["an unknown flag", ["--fiel", "leads.csv"], "unknown option '--fiel'"],
    ["a path without a flag", ["leads.csv"], "too many arguments"],
    ["no database", LEAD, "DATABASE_URL is not set"],
  ];
  for (const [what, args, message] of wrong) {
    test(`refuses ${what}, and exits with 2`, async () => {
      const { exitCode, stdout, stderr } = await register(null, args);

      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
      expect(stderr).toContain(message);
    });
  }

  const unreadable: ReadonlyArray<[what: string, make: () => Promise<string>, message: string]> = [
    [
      "does not exist",
      async () => "no such\u001b[31m.csv",
      '"no such\\u001b[31m.csv" does not exist',
    ],
    [
      "is a folder",
      async () => await mkdtemp(join(tmpdir(), "oncebox-register-")).then(makeFolder),
      "is a folder",
    ],
    ["is empty", async () => await makeFile("leads.csv", ""), "is empty, wanted leads"],
    [
      "holds nothing but a BOM and blank lines",
      async () => await makeFile("leads.csv", "\uFEFF\n\n "),
      "is empty, wanted leads",
    ],
    [
      "is UTF-16",
      async () => await makeFile("leads.csv", Buffer.from("\uFEFFphone\n", "utf16le")),
      "is UTF-16, wanted text in UTF-8",
    ],
    [
      "is an Excel workbook",
      async () => await makeFile("leads.csv", "PK\u0003\u0004rest"),
      "is an Excel workbook or a zip",
    ],
    [
      "has a header that is none",
      async () => await makeFile("leads.csv", "a,b\n1,2\n"),
      "got 2 columns, none of them phone or email",
    ],
  ];
  for (const [what, make, message] of unreadable) {
    test(`refuses a file that ${what}, and exits with 2`, async ({ databaseUrl, pool }) => {
      const { exitCode, stdout, stderr } = await register(databaseUrl, ["--file", await make()]);

      expect(stderr).toContain(message);
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
      expect(await census(pool)).toMatchObject({ leads: 0 });
    });
  }

  test.skipIf(process.getuid?.() === 0)("refuses a file that may not be read", async () => {
    const file = await makeFile("leads.csv", "phone\n");
    await chmod(file, 0o000);

    const { exitCode, stderr } = await register(null, ["--file", file]);

    expect(exitCode).toBe(2);
    expect(stderr).toContain("may not be read");
  });

  test("refuses a JSON array on standard input, and says how to take it apart", async () => {
    const { exitCode, stderr } = await register(null, ["--file", "-"], '[{"phone": "1"}]');

    expect(exitCode).toBe(2);
    expect(stderr).toContain("jq -c '.[]'");
  });
});

describe("oncebox register --help", () => {
  test("says how keys are made and shows examples, standard input among them", async () => {
    const { exitCode, stdout } = await register(null, ["--help"]);

    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/gets one made of its content/);
    expect(stdout).toMatch(/\| oncebox register --file -/);
  });
});

async function makeFolder(parent: string): Promise<string> {
  const folder = join(parent, "leads.csv");
  await mkdir(folder);
  return folder;
}
