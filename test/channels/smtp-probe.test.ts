import { describe, expect, test } from "vitest";
import { createSmtpChannel } from "../../src/channels/smtp.ts";
import type { ProbeStep } from "../../src/outbox/outcome.ts";
import { type ScriptedSmtp, type SmtpScript, smtpServer } from "./support/smtp-server.ts";

const AUTH = "250-smtp.example.test\r\n250 AUTH PLAIN LOGIN";

async function probe(
  script: SmtpScript,
  { login = "user:canary@", signal = AbortSignal.timeout(30_000) } = {},
): Promise<{ server: ScriptedSmtp; steps: readonly ProbeStep[] }> {
  const server = await smtpServer(script);
  const channel = createSmtpChannel({
    url: `smtp://${login}127.0.0.1:${server.port}`,
    from: "info@example.kz",
  });
  return { server, steps: (await channel.probe?.(signal)) ?? [] };
}

describe("trying the mail server", () => {
  test("logs in, and names neither sender nor recipient", async () => {
    const { server, steps } = await probe({ ehlo: AUTH });

    expect(steps).toEqual([
      { name: "connect", ok: true, detail: "EHLO, not encrypted" },
      { name: "log in", ok: true, detail: "the password is taken" },
    ]);
    expect(server.commands.map((it) => it.split(" ")[0])).toEqual(["EHLO", "AUTH"]);
    expect(server.mails).toEqual([]);
  });

  test("is done after EHLO where there is no password", async () => {
    const { steps } = await probe({}, { login: "" });

    expect(steps.map((it) => [it.name, it.ok])).toEqual([["connect", true]]);
  });

  test("fails for a password that is refused, and does not show it", async () => {
    const refusal = `535 5.7.8 wrong: ${Buffer.from("canary").toString("base64")}`;

    const { steps } = await probe({ ehlo: AUTH, auth: refusal });

    expect(steps.at(-1)).toMatchObject({
      name: "log in",
      ok: false,
      detail: expect.stringMatching(/^smtp_535: /),
      trouble: "setup",
    });
    expect(JSON.stringify(steps)).not.toContain(Buffer.from("canary").toString("base64"));
  });

  test("fails for a server that offers no login", async () => {
    const { steps } = await probe({});

    expect(steps.at(-1)).toMatchObject({ name: "log in", ok: false, trouble: "setup" });
  });

  test("fails for a server that hangs up, and for one that says nothing until the deadline", async () => {
    const cut = await probe({ ehlo: (socket) => socket.destroy() });
    const silent = await probe({ ehlo: () => {} }, { signal: AbortSignal.timeout(300) });

    expect(cut.steps).toMatchObject([{ name: "connect", ok: false, trouble: "outage" }]);
    expect(silent.steps).toMatchObject([
      { name: "connect", ok: false, detail: expect.stringMatching(/^deadline: /) },
    ]);
    await silent.server.allClosed();
  });
});
