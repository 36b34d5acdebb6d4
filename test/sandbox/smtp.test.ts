import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import nodemailer from "nodemailer";
import { generate } from "selfsigned";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  type SandboxSmtp,
  type SmtpFault,
  type SmtpOptions,
  startSmtp,
} from "../../src/sandbox/smtp.ts";
import { endOf } from "./wire.ts";

const MAIL = { from: "ProfTest <a@example.kz>", to: "b@example.kz", subject: "s", text: "t" };
/** Matches nothing: the connection's own end is awaited. */
const NEVER = /(?!)/;
const AUTH = { user: "user", pass: "p@ss" };

let folder: string;
let smtp: SandboxSmtp;

async function start(options: SmtpOptions = {}): Promise<void> {
  smtp = await startSmtp({ ledgerFile: join(folder, "email.ndjson"), ...options });
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "oncebox-test-"));
  await start();
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await smtp.close();
  rmSync(folder, { recursive: true, force: true });
});

function transport(options: object = {}) {
  return nodemailer.createTransport({
    host: "127.0.0.1",
    port: smtp.port,
    ignoreTLS: true,
    ...options,
  });
}

test("takes a message, says under which id, and shows it decoded", async () => {
  const subject = "Айгерим, ваш результат готов: 87 из 100, и это очень хороший результат";
  const text = `Здравствуйте!\n.\n${"слово ".repeat(40)}конец`;

  const sent = await transport().sendMail({ ...MAIL, subject, text, messageId: "<1042@oncebox>" });

  expect(sent.response).toBe("250 OK: queued as sink-1");
  expect(smtp.messages()).toEqual([
    {
      id: "sink-1",
      messageId: "<1042@oncebox>",
      from: "a@example.kz",
      to: ["b@example.kz"],
      subject,
      text,
      size: expect.any(Number),
      at: expect.stringMatching(/^\d{4}-.*Z$/),
    },
  ]);
});

test("shows the text of a message that has HTML and an attachment too", async () => {
  await transport().sendMail({
    ...MAIL,
    text: "привет",
    html: "<b>привет</b>",
    attachments: [{ filename: "a.txt", content: "attached" }],
  });

  expect(smtp.messages()).toMatchObject([{ text: "привет" }]);
});

test("keeps a repeated Message-ID twice, because that is what a person would get", async () => {
  await transport().sendMail({ ...MAIL, messageId: "<1@oncebox>" });
  await transport().sendMail({ ...MAIL, messageId: "<1@oncebox>" });

  expect(smtp.messages().map(({ messageId }) => messageId)).toEqual(["<1@oncebox>", "<1@oncebox>"]);
});

test("knows after a restart what it took, a cut last line aside", async () => {
  await transport().sendMail(MAIL);
  const before = smtp.messages();
  await smtp.close();
  appendFileSync(join(folder, "email.ndjson"), '{"id":"sink-2"');

  await start();
  await transport().sendMail(MAIL);
  await smtp.close();
  await start();

  expect(smtp.messages()).toEqual([...before, expect.objectContaining({ id: "sink-2" })]);
});

test("lets in the one login it was given", async () => {
  await smtp.close();
  await start({ auth: AUTH });

  await transport({ auth: AUTH }).sendMail(MAIL);
  const wrong = transport({ auth: { ...AUTH, pass: "guess" } }).sendMail(MAIL);

  await expect(wrong).rejects.toMatchObject({ code: "EAUTH", responseCode: 535 });
  expect(smtp.messages()).toHaveLength(1);
  expect(smtp.url).toBe(`smtp://user:p%40ss@127.0.0.1:${smtp.port}`);
});

describe("with TLS", () => {
  for (const tls of ["starttls", "implicit"] as const) {
    test(`(${tls}) takes a message, and can reset the connection below`, async () => {
      const pems = await generate([{ name: "commonName", value: "localhost" }]);
      await smtp.close();
      await start({ tls, key: pems.private, cert: pems.cert });
      const encrypted = transport({
        ignoreTLS: false,
        secure: tls === "implicit",
        requireTLS: tls === "starttls",
        tls: { rejectUnauthorized: false },
      });

      await encrypted.sendMail(MAIL);
      smtp.addFault({ fault: { at: "dot", accept: true, answer: "reset" } });
      await expect(encrypted.sendMail(MAIL)).rejects.toMatchObject({
        message: expect.stringContaining("ECONNRESET"),
      });

      expect(smtp.messages()).toHaveLength(2);
    });

    test(`(${tls}) needs a key and a certificate`, async () => {
      await expect(startSmtp({ tls })).rejects.toMatchObject({ code: "ONCEBOX_SANDBOX_FAILED" });
    });
  }
});

/** Speaks SMTP line by line; the last reply, and how the connection ended. */
async function converse(
  answered: RegExp | null,
): Promise<{ readonly reply: string; readonly end: string }> {
  const socket = connect(smtp.port, "127.0.0.1");
  const lines = ["EHLO x", "MAIL FROM:<a@example.kz>", "RCPT TO:<b@example.kz>", "DATA", "t\r\n."];
  let reply = "";
  const isAll = (chunk: string) => {
    reply += chunk;
    if (answered?.test(reply)) return true;
    const isComplete = /^[23]\d\d [^\n]*\n$/m.test(reply);
    const line = isComplete ? lines.shift() : undefined;
    if (line !== undefined) {
      reply = "";
      socket.write(`${line}\r\n`);
    }
    return false;
  };
  return { end: await endOf(socket, isAll, answered === null), reply };
}

describe("a fault", () => {
  const answers: ReadonlyArray<[answer: SmtpFault["answer"], end: string, reply: RegExp]> = [
    ["never", "open", /^$/],
    ["reset", "rst", /^$/],
    ["close", "fin", /^$/],
    ["half", "fin", /^\d\d$/],
    ["garbage", "open", /^this is no SMTP\r\n$/],
    ["refuse", "open", /^451 /],
    ["late", "open", /^250 OK: queued/],
  ];
  for (const at of ["greeting", "mail", "rcpt", "data", "dot"] as const) {
    for (const [answer, end, reply] of answers) {
      test(`at ${at}: ${answer}`, async () => {
        const accept = at === "dot" ? { accept: true } : {};
        const more = answer === "refuse" ? { code: 451 } : answer === "late" ? { delayMs: 20 } : {};
        smtp.addFault({ fault: { at, answer, ...accept, ...more } as SmtpFault });

        // A refused greeting ends the connection; every other refusal leaves it open.
        const ending = at === "greeting" && answer === "refuse" ? "fin" : end;

        const seen = await converse(answer === "never" ? null : ending === "open" ? reply : NEVER);

        expect(seen).toEqual({ end: ending, reply: expect.stringMatching(reply) });
        expect(smtp.messages()).toHaveLength(at === "dot" || answer === "late" ? 1 : 0);
      });
    }
  }

  for (const [answer, end] of [
    ["never", "open"],
    ["reset", "rst"],
    ["close", "fin"],
  ] as const) {
    for (const at of ["connect", "body"] as const) {
      test(`at ${at}: ${answer}`, async () => {
        smtp.addFault({ fault: { at, answer } });

        expect(await converse(answer === "never" ? null : NEVER)).toEqual({ end, reply: "" });
        expect(smtp.messages()).toEqual([]);
      });
    }
  }

  test("at the dot without accept takes nothing, and a late answer is then a refusal", async () => {
    smtp.addFault({ fault: { at: "dot", accept: false, answer: "late", delayMs: 20 } });

    await expect(transport().sendMail(MAIL)).rejects.toMatchObject({ responseCode: 451 });
    expect(smtp.messages()).toEqual([]);
  });

  test("meets only the recipient it names, as often as asked for", async () => {
    const fault: SmtpFault = { at: "rcpt", answer: "refuse", code: 550 };
    smtp.addFault({ match: { to: "c@example.kz" }, times: "always", fault });

    await transport().sendMail(MAIL);
    for (let tried = 0; tried < 2; tried += 1) {
      const refused = transport().sendMail({ ...MAIL, to: "c@example.kz" });
      await expect(refused).rejects.toMatchObject({ responseCode: 550 });
    }
    smtp.clearFaults();
    await transport().sendMail({ ...MAIL, to: "c@example.kz" });

    expect(smtp.messages().map(({ to }) => to)).toEqual([["b@example.kz"], ["c@example.kz"]]);
  });

  test("by seed is the same again for the same seed", async () => {
    const faults: SmtpFault[] = [
      { at: "rcpt", answer: "refuse", code: 450 },
      { at: "dot", accept: false, answer: "refuse", code: 451 },
    ];
    const draw = async () => {
      smtp.addFault({ seed: 7, rate: 1, faults });
      const codes: unknown[] = [];
      for (let nth = 0; nth < 12; nth += 1) {
        const sent = transport().sendMail({ ...MAIL, to: `${nth}@example.kz` });
        codes.push(
          await sent.then(
            () => 250,
            (error) => (error as { responseCode: number }).responseCode,
          ),
        );
      }
      return codes;
    };

    const first = await draw();

    expect(await draw()).toEqual(first);
    expect(new Set(first)).toEqual(new Set([250, 450, 451]));
  });

  test("that makes no sense is refused", () => {
    expect(() => smtp.addFault({ fault: { at: "connect", answer: "half" } })).toThrow("connect");
    expect(() => smtp.addFault({ fault: { at: "dot", answer: "never" } })).toThrow("accept");
    expect(() => smtp.addFault({ fault: { at: "mail", accept: true, answer: "never" } })).toThrow(
      "dot",
    );
  });
});

test("refuses to run in production", async () => {
  vi.stubEnv("NODE_ENV", "production");

  await expect(startSmtp()).rejects.toMatchObject({ code: "ONCEBOX_SANDBOX_FAILED" });
});
