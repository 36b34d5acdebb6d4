import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect } from "vitest";
import { oncebox } from "../db/support/oncebox.ts";
import { countLeads, dial, get, hangUp, LEAD, post } from "../http/support/http.ts";
import { countStates } from "../support/leads.ts";
import { test } from "../support/running.ts";
import { until } from "../support/until.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** `oncebox serve` as a process of its own, once it listens. */
async function startServe(env: Record<string, string>, args: readonly string[] = []) {
  const child = spawn(process.execPath, [MAIN, "serve", ...args], {
    env: { PATH: process.env.PATH, ONCEBOX_HTTP: "127.0.0.1:0", LOG_LEVEL: "debug", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  let url: string | undefined;
  child.stderr.on("data", (chunk) => {
    said += chunk;
  });
  createInterface({ input: child.stdout }).on("line", (line) => {
    said += `${line}\n`;
    const { msg, url: started } = JSON.parse(line);
    if (msg === "serve:started") url = started;
  });
  const ended = once(child, "close").then(([code, signal]) => code ?? signal);
  return {
    url: await until("it listens", () => url),
    ended,
    stop: (signal: NodeJS.Signals = "SIGTERM") => child.kill(signal),
    /** Everything it printed so far. */
    said: () => said,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

describe("oncebox serve", () => {
  test("answers what is under way at SIGTERM, and exits 0", async ({ databaseUrl, pool }) => {
    await using server = await startServe({ DATABASE_URL: databaseUrl });
    const body = JSON.stringify(LEAD);
    const socket = await dial(server.url);
    socket.write(
      `POST /v1/leads HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body.slice(0, 20)}`,
    );
    const answer = hangUp(socket);
    const idle = hangUp(await dial(server.url));
    await get(`${server.url}/healthz`);

    server.stop();
    await until("it says that it stops", () => server.said().includes("serve:stopping"));
    await until("nobody new gets in", () =>
      get(`${server.url}/healthz`).then(
        () => false,
        () => true,
      ),
    );
    socket.write(Buffer.from(body).subarray(Buffer.byteLength(body.slice(0, 20))));

    expect(await answer).toMatch(/^HTTP\/1\.1 201 [\s\S]*connection: close/i);
    expect(await server.ended).toBe(0);
    expect(await idle).toBe("");
    expect(await countLeads(pool)).toBe(1);
  });

  test("sends too, with --worker, and one signal stops both", async ({
    databaseUrl,
    db,
    gateways,
  }) => {
    await using server = await startServe(
      {
        DATABASE_URL: databaseUrl,
        MOBIZON_API_URL: gateways.mobizonUrl,
        MOBIZON_API_KEY: gateways.mobizonApiKey,
        SMTP_URL: gateways.smtpUrl,
        MAIL_FROM: "ProfTest <info@example.kz>",
      },
      ["--worker"],
    );

    const lead = { ...LEAD, due_at: "now" };
    expect((await post(`${server.url}/v1/leads`, lead)).status).toBe(201);
    await until("both are sent", async () => (await countStates(db)).sent === 2);
    server.stop("SIGINT");

    expect(await server.ended).toBe(0);
    const { sms, email } = await gateways.messages();
    expect([sms.length, email.length]).toEqual([1, 1]);
  });

  test("writes nothing of a person, and no secret, into its log", async ({ databaseUrl, pool }) => {
    const token = "a-secret-of-32-characters-or-more";
    await using server = await startServe({ DATABASE_URL: databaseUrl, ONCEBOX_TOKEN: token });
    const headers = { authorization: `Bearer ${token}` };
    const person = {
      ...LEAD,
      name: "Тайная",
      phone: "+7 777 999 88 77",
      email: "secret@example.kz",
    };
    await pool.query(`
      create function public.fail() returns trigger language plpgsql as $$
      begin raise sqlstate '58000' using message = 'no such luck', detail = new.name || new.phone; end $$;
      create trigger fail before insert on public.landing_leads
        for each row when (new.name = 'Тайная') execute function public.fail()`);

    const answers = [
      await post(`${server.url}/v1/leads`, person, headers),
      await post(`${server.url}/v1/leads`, { ...person, name: null }, headers),
      await post(`${server.url}/v1/leads`, { ...person, phone: "999 88 77" }, headers),
      await post(`${server.url}/v1/leads?email=${person.email}`, person, headers),
      await get(`${server.url}/${encodeURIComponent(person.email)}`, headers),
      await get(`${server.url}/v1/leads`, { authorization: `Bearer ${token}x` }),
    ];
    server.stop();
    await server.ended;

    expect(answers.map((it) => it.status)).toEqual([500, 201, 400, 400, 404, 405]);
    expect(answers[0]?.text).not.toMatch(/Тайная|58000|luck/);
    expect(server.said()).toContain("http:failed");
    expect(server.said()).toContain(answers[0]?.body.request_id);
    expect(server.said()).not.toMatch(/Тайная|999.?88.?77|secret@/);
    expect(server.said()).not.toContain(token);
  });

  test("does not start where others could come in without a token, nor on a port that is taken", async ({
    databaseUrl,
  }) => {
    const env = { DATABASE_URL: databaseUrl };
    await using server = await startServe(env);

    const open = await oncebox(["serve"], { ...env, ONCEBOX_HTTP: "0.0.0.0:0" });
    const taken = await oncebox(["serve"], { ...env, ONCEBOX_HTTP: new URL(server.url).host });

    expect(open).toMatchObject({ exitCode: 2, stdout: "" });
    expect(open.stderr).toContain("ONCEBOX_CONFIG_INVALID: ONCEBOX_HTTP: got 0.0.0.0");
    expect(open.stderr).toContain("oncebox tokens make");
    expect(taken).toMatchObject({ exitCode: 2, stdout: "" });
    expect(taken.stderr).toMatch(/ONCEBOX_CONFIG_INVALID: .* \(EADDRINUSE\)/);
  });

  test("says which setting is missing, and has examples in its help", async () => {
    const missing = await oncebox(["serve"]);
    const help = await oncebox(["serve", "--help"]);

    expect(missing.exitCode).toBe(2);
    expect(missing.stderr).toContain("DATABASE_URL is not set");
    expect(help.exitCode).toBe(0);
    expect(help.stdout).toMatch(/Examples:[\s\S]*oncebox serve --worker/);
  });
});
