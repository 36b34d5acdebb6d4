import { describe, expect } from "vitest";
import { oncebox } from "../db/support/oncebox.ts";
import { test } from "../support/fixture.ts";

describe("oncebox tokens", () => {
  test("makes a token, shows it once, lists it without, and revokes it", async ({
    databaseUrl,
    pool,
  }) => {
    const env = { DATABASE_URL: databaseUrl };

    const made = await oncebox(["tokens", "make", "site", "--scope", "write"], env);
    const again = await oncebox(["tokens", "make", "site", "--scope", "read"], env);
    const list = await oncebox(["tokens", "list"], env);
    const revoked = await oncebox(
      ["tokens", "revoke", "site", "--reason", "the server was given back"],
      env,
    );
    const listed = await oncebox(["tokens", "list", "--json"], env);

    expect(made.exitCode).toBe(0);
    expect(made.stdout).toMatch(/^oncebox_[A-Za-z0-9_-]{43}\n$/);
    expect(made.stderr).toContain("shown only once");
    expect(again.exitCode).toBe(1);
    expect(again.stderr).toContain("ONCEBOX_MOVE_REFUSED");
    expect(list.stdout).toMatch(/site .* write .* site .* good/);
    expect(list.stdout).not.toContain(made.stdout.trim());
    expect(revoked).toMatchObject({ exitCode: 0, stdout: "token site is revoked\n" });
    expect(JSON.parse(listed.stdout)).toMatchObject([
      { name: "site", scopes: ["write"], source: "site", isGood: false, lastUsedAt: null },
    ]);
    const { rows } = await pool.query(
      "select action, subject, reason from oncebox.audit order by at, id",
    );
    expect(rows).toEqual([
      { action: "make_token", subject: "site", reason: "write" },
      { action: "revoke_token", subject: "site", reason: "the server was given back" },
    ]);
  });

  test("gives with a scope what it needs, a source and an end", async ({ databaseUrl }) => {
    const env = { DATABASE_URL: databaseUrl };

    const made = await oncebox(
      [
        ...["tokens", "make", "aigerim", "--scope", "operate", "--expires", "90 days"],
        ...["--source", "proftest", "--json"],
      ],
      env,
    );
    const list = await oncebox(["tokens", "list"], env);

    const token = JSON.parse(made.stdout);
    expect(token).toMatchObject({
      name: "aigerim",
      scopes: ["read", "operate"],
      source: "proftest",
    });
    const inDays = (Date.parse(token.expiresAt) - Date.now()) / 86_400_000;
    expect(inDays).toBeGreaterThan(89.9);
    expect(inDays).toBeLessThan(90.1);
    expect(list.stdout).toMatch(/aigerim .* good until/);
  });

  test("says what is wrong with a name, a scope, an interval or a token that is not there", async ({
    databaseUrl,
  }) => {
    const env = { DATABASE_URL: databaseUrl };
    const wrong: readonly (readonly [args: readonly string[], exitCode: number, text: string])[] = [
      [["make", "a b", "--scope", "write"], 2, "the name is"],
      [["make", "site"], 2, "--scope"],
      [["make", "site", "--scope", "root"], 2, "root"],
      [["make", "site", "--scope", "write", "--expires", "soon"], 2, '"90 days"'],
      [["revoke", "site"], 2, "--reason"],
      [["revoke", "site", "--reason", "gone"], 1, "ONCEBOX_NOT_FOUND"],
    ];

    for (const [args, exitCode, text] of wrong) {
      const ended = await oncebox(["tokens", ...args], env);
      expect([args, ended.exitCode, ended.stdout]).toEqual([args, exitCode, ""]);
      expect(ended.stderr).toContain(text);
    }
    expect(await oncebox(["tokens", "list"], env)).toMatchObject({ exitCode: 0, stdout: "none\n" });
    expect(await oncebox(["tokens", "list", "--json"], env)).toMatchObject({ stdout: "[]\n" });
  });

  test("has examples in its help", async () => {
    const help = await oncebox(["tokens", "--help"]);

    expect(help.exitCode).toBe(0);
    expect(help.stdout).toMatch(/Examples:[\s\S]*oncebox tokens make site --scope write/);
  });
});
