import { describe, expect } from "vitest";
import { test } from "../support/fixture.ts";
import { census, makeFile, manyLeads, register } from "./support/register.ts";

/** The JSON lines: the refusals, and the summary. */
function parse(stdout: string): { refused: unknown[]; summary: unknown } {
  const lines = stdout
    .trim()
    .split("\n")
    .map((it) => JSON.parse(it));
  return { refused: lines.slice(0, -1), summary: lines.at(-1).summary };
}

describe("oncebox register --file", () => {
  test("registers what is right and tells of what is not, by line", async ({
    databaseUrl,
    pool,
  }) => {
    const file = await makeFile(
      "leads.csv",
      '\uFEFFname,phone,email\r\n"A\r\nB",87771234567,\r\nC,12,\r\n"D,\r\n\r\nE",,\r\nF\r\nG,,g@example.kz\r\n',
    );

    const { exitCode, stdout, stderr } = await register(databaseUrl, ["--file", file]);

    expect(stderr).toBe(
      "line 4: phone is too short: got 2 characters, wanted one mobile number such as +7 777 123 45 67. Look for missing digits.\n" +
        "line 5: the lead has neither phone nor email, so it could get nothing. Give at least one of the two.\n" +
        "line 8: the record has 1 cell, wanted 3 as in the header. Put a cell that holds the delimiter in quotes, and leave an empty cell for what is missing.\n",
    );
    expect(stdout).toMatch(
      /^records read 5: created 2, recognised 0, refused 3; [\d.]+ seconds\n$/,
    );
    expect(exitCode).toBe(1);
    expect(await census(pool)).toMatchObject({ leads: 2, notifications: 2 });
  });

  test("tells a script the same as JSON, with nothing on stderr", async ({ databaseUrl }) => {
    const file = await makeFile("leads.ndjson", '{"phone":"12"}\n[]\n{"phone":"87771234567"}\n');

    const { exitCode, stdout, stderr } = await register(databaseUrl, ["--file", file, "--json"]);

    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: "" });
    expect(parse(stdout)).toEqual({
      refused: [
        {
          line: 1,
          code: "ONCEBOX_LEAD_INVALID",
          field: "phone",
          message: expect.stringContaining("too short"),
          hint: "Look for missing digits.",
        },
        {
          line: 2,
          code: "ONCEBOX_LEAD_INVALID",
          field: null,
          message: "the line is an array, wanted an object",
          hint: expect.any(String),
        },
      ],
      summary: {
        read: 3,
        created: 1,
        recognised: 0,
        refused: 2,
        seconds: expect.any(Number),
        complete: true,
        signal: null,
      },
    });
  });

  test("registers nothing twice when it reads the same file again", async ({
    databaseUrl,
    pool,
  }) => {
    const file = await makeFile("leads.csv", manyLeads(1_200));

    const first = await register(databaseUrl, ["--file", file]);
    const second = await register(databaseUrl, ["--file", file, "--due", "now"]);

    expect(first.stdout).toContain("records read 1200: created 1200, recognised 0, refused 0;");
    expect(second.stdout).toContain("records read 1200: created 0, recognised 1200, refused 0;");
    expect([first.exitCode, second.exitCode]).toEqual([0, 0]);
    expect(await census(pool)).toEqual({ leads: 1_200, phones: 1_200, notifications: 2_400 });
  });

  test("makes one lead of a row that is there twice, and of CSV and NDJSON that say the same", async ({
    databaseUrl,
    pool,
  }) => {
    const csv = "phone,name,city\n87771234567,A,x\n87771234567,A,x\n";
    const ndjson = '{"city":"x","phone":87771234567,"name":"A","kind":"proftest"}\n';

    await register(databaseUrl, ["--file", "-"], csv);
    const second = await register(databaseUrl, ["--file", "-"], ndjson);

    expect(second.stdout).toContain("created 0, recognised 1");
    expect(await census(pool)).toMatchObject({ leads: 1, notifications: 1 });
  });

  test("refuses a key that comes again with other content, and keeps the first", async ({
    databaseUrl,
    pool,
  }) => {
    const csv = "idempotency_key,phone\nk,87771234567\nk,87771234568\nk,8 777 123 45 67\n";

    const { stdout } = await register(databaseUrl, ["--file", "-", "--json"], csv);

    expect(parse(stdout)).toMatchObject({
      refused: [{ line: 3, code: "ONCEBOX_KEY_REUSED", field: "idempotency_key" }],
      summary: { created: 1, recognised: 1, refused: 1 },
    });
    expect(await census(pool)).toMatchObject({ leads: 1 });
  });

  test("puts what is no field of a lead into its data, and takes defaults from the flags", async ({
    databaseUrl,
    pool,
  }) => {
    const csv =
      "phone,city,empty,source,due_at\n87771234567,Алматы,,,\n87771234568,,,own,2031-01-01Z\n";

    await register(databaseUrl, ["--file", "-", "--source", "import", "--due", "2030-01-01Z"], csv);

    const { rows } = await pool.query(
      `select r.source, r.data, n.due_at
         from oncebox.registration as r
         join oncebox.notification as n on n.lead_id = r.lead_id
        order by n.id`,
    );
    expect(rows).toEqual([
      { source: "import", data: { city: "Алматы" }, due_at: new Date("2030-01-01") },
      { source: "own", data: {}, due_at: new Date("2031-01-01") },
    ]);
  });

  test("keeps what stands before a broken quote, and goes on there when it is mended", async ({
    databaseUrl,
    pool,
  }) => {
    const broken = 'phone,name\n87771234567,A\n87771234568,"B\n87771234569,C\n';
    const mended = broken.replace('"B', "B");

    const first = await register(databaseUrl, ["--file", "-"], broken);
    const second = await register(databaseUrl, ["--file", "-"], mended);

    expect(first.stderr).toMatch(/^line 3: .* has a quote that is opened and never closed; /);
    expect(first.stdout).toMatch(
      /created 1,.*\nIt ended before the end of the file\. Run the same/,
    );
    expect(first.exitCode).toBe(1);
    expect(second.stdout).toContain("created 2, recognised 1, refused 0");
    expect(second.exitCode).toBe(0);
    expect(await census(pool)).toMatchObject({ leads: 3 });
  });

  const unstorable: ReadonlyArray<[what: string, input: Buffer]> = [
    ["a NUL in CSV", Buffer.from("phone,name\n87771234567,A\0B\n87771234568,C\n")],
    ["a NUL in a variable", Buffer.from("phone,city\n87771234567,A\0B\n87771234568,C\n")],
    [
      "a NUL in NDJSON",
      Buffer.from('{"phone":"87771234567","name":"\\u0000"}\n{"phone":"87771234568"}\n'),
    ],
    [
      "half a surrogate pair",
      Buffer.from('{"phone":"87771234567","name":"\\ud83d"}\n{"phone":"87771234568"}\n'),
    ],
    [
      "a name in windows-1251",
      Buffer.from("phone,name\n87771234567,\xc0\xe9\n87771234568,C\n", "latin1"),
    ],
  ];
  for (const [what, input] of unstorable) {
    test(`refuses a record with ${what}, and registers the next`, async ({ databaseUrl, pool }) => {
      const { exitCode, stdout } = await register(databaseUrl, ["--file", "-"], input);

      expect(stdout).toContain("records read 2: created 1, recognised 0, refused 1;");
      expect(exitCode).toBe(1);
      expect(await census(pool)).toMatchObject({ leads: 1 });
    });
  }

  test("lets no control character of the file reach the terminal", async ({ databaseUrl }) => {
    const csv =
      "phone,kind,due_at,idempotency_key\n" +
      "87771234567,\u001b]0;x\u0007,,\n87771234567,,\u009b31m\u202e,\n87771234567,,,\u001b[2J\u009b\n";

    const text = await register(databaseUrl, ["--file", "-"], csv);
    const json = await register(databaseUrl, ["--file", "-", "--json"], csv);

    expect(text.stdout).toContain("refused 3");
    expect(text.stderr + text.stdout + json.stdout).not.toMatch(/[^\P{C}\n]/u);
    expect(parse(json.stdout)).toMatchObject({ summary: { refused: 3 } });
  });

  test("shows no name, number or address of those it refuses", async ({ databaseUrl }) => {
    const csv =
      "name,phone,email\nАйгерим,+7 777 123 45 6,aigerim@example.org\nАйгерим,,aigerim@@example.org\nАйгерим\n";

    const { stderr } = await register(databaseUrl, ["--file", "-"], csv);

    expect(stderr.trim().split("\n")).toHaveLength(3);
    expect(stderr).not.toMatch(/Айгерим|aigerim|123 45 6\b/);
  });

  test("refuses single records that a constraint of an adopted table stands against", async ({
    databaseUrl,
    pool,
  }) => {
    await pool.query(
      "alter table public.landing_leads add constraint one_per_phone unique (phone)",
    );
    const csv = `${manyLeads(600)}another,+77770000007,other@example.kz\n`;

    const { stdout, stderr } = await register(databaseUrl, ["--file", "-"], csv);

    expect(stderr).toBe(
      "line 602: the database refuses the record with SQLSTATE 23505: landing_leads.one_per_phone. " +
        "A constraint or trigger of your own stands against it; change the record, or the rule.\n",
    );
    expect(stdout).toContain("created 600, recognised 0, refused 1");
    expect(await census(pool)).toMatchObject({ leads: 600 });
  });

  test("says so when the database was never migrated", async ({ emptyDatabaseUrl }) => {
    const { exitCode, stderr } = await register(emptyDatabaseUrl, ["--file", "-"], "phone\n1\n");

    expect(exitCode).toBe(1);
    expect(stderr).toContain("ONCEBOX_SCHEMA_MISSING");
  });
});
