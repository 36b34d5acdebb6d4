import { describe, expect, test } from "vitest";
import { createSmtpChannel } from "../../src/channels/smtp.ts";
import type { OutgoingMessage } from "../../src/outbox/outcome.ts";
import { EMAIL, makeContext } from "./support/messages.ts";
import { smtpServer } from "./support/smtp-server.ts";

function channel(port: number, from = "Проф Тест <noreply@proftest.test>") {
  return createSmtpChannel({ url: `smtp://127.0.0.1:${port}`, from });
}

describe("a mail", () => {
  test("has one recipient, a stable Message-ID, and says that a program wrote it", async () => {
    const server = await smtpServer();
    const email = channel(server.port);

    await email.send(EMAIL, makeContext());
    await email.send({ ...EMAIL, attempt: 2 }, makeContext());

    expect(server.commands.filter((it) => it.startsWith("MAIL"))).toEqual([
      "MAIL FROM:<noreply@proftest.test>",
      "MAIL FROM:<noreply@proftest.test>",
    ]);
    for (const mail of server.mails) {
      expect(headersOf(mail)).toMatchObject({
        from: "=?UTF-8?B?0J/RgNC+0YQg0KLQtdGB0YI=?= <noreply@proftest.test>",
        to: "aigerim@example.test",
        "message-id": "<oncebox-1f0c9a2e-1042@proftest.test>",
        "auto-submitted": "auto-generated",
        "content-type": "text/plain; charset=utf-8",
      });
    }
    expect(server.mails).toHaveLength(2);
  });

  const bodies: ReadonlyArray<[name: string, body: string]> = [
    ["Cyrillic", "Здравствуйте, Айгерим!\nРезультат готов: https://example.kz/?a=1&b=2\n"],
    ["emoji", "👩‍👩‍👧‍👦 🇰🇿"],
    ["form characters and braces", "a&b=c+d%20e {name} {{name}} %s"],
    ["markup", "<script>alert(1)</script> &amp; \"'`\\"],
    ["lines that end a mail or begin with From", "one\n.\n..\n.two\nFrom me\n--\nthree"],
    ["a line of 3000 characters", "слово ".repeat(500)],
    ["nothing", ""],
  ];
  for (const [name, body] of bodies) {
    test(`carries ${name} as it is`, async () => {
      const server = await smtpServer();

      const outcome = await channel(server.port).send({ ...EMAIL, body }, makeContext());

      expect(outcome).toMatchObject({ kind: "accepted" });
      expect(server.mails).toHaveLength(1);
      expect(textOf(server.mails[0] ?? "").trimEnd()).toBe(body.trimEnd());
    });
  }

  const subjects = [
    "Hi\r\nBcc: evil@y.test",
    "Hi\nX-Evil: yes\n\nnot a body",
    "Hi\u0000\u001b[31m",
    "Тема\r\nBcc: evil@y.test",
  ];
  for (const subject of subjects) {
    test(`gets no header from the subject ${JSON.stringify(subject)}`, async () => {
      const server = await smtpServer();

      await channel(server.port).send({ ...EMAIL, subject }, makeContext());

      const mail = server.mails[0] ?? "";
      expect(Object.keys(headersOf(mail)).toSorted()).toEqual([
        "auto-submitted",
        "content-transfer-encoding",
        "content-type",
        "date",
        "from",
        "message-id",
        "mime-version",
        "subject",
        "to",
      ]);
      expect(textOf(mail).trimEnd()).toBe(EMAIL.body.trimEnd());
      expect(server.commands.filter((it) => it.startsWith("RCPT"))).toHaveLength(1);
    });
  }
});

describe("is refused before connecting", () => {
  const recipients = [
    "a@x.test, evil@y.test",
    "a@x.test,evil@y.test",
    "a@x.test;evil@y.test",
    "a@x.test evil@y.test",
    "a@x.test\r\nBcc: evil@y.test",
    "a@x.test\r\nRCPT TO:<evil@y.test>",
    "a@x.test\n",
    "A <a@x.test>",
    "<a@x.test>",
    '"a@evil"@x.test',
    '"a b"@x.test',
    "group: a@x.test;",
    "a(comment)@x.test",
    "a@[127.0.0.1]",
    "a@127.0.0.1",
    "a@x.test.",
    "a@.x.test",
    "a@x..test",
    "a@localhost",
    "a@-x.test",
    "a@x_y.test",
    "a.@x.test",
    ".a@x.test",
    "a..b@x.test",
    "a@x@y.test",
    "@x.test",
    "a@",
    "а@x.test",
    "a@пример.test",
    `${"a".repeat(65)}@x.test`,
    `a@${"x.".repeat(130)}test`,
    `a@${"x".repeat(64)}.test`,
    "",
    " ",
  ];
  for (const recipient of recipients) {
    test(`recipient ${JSON.stringify(recipient).slice(0, 60)}`, async () => {
      const server = await smtpServer();

      const outcome = await channel(server.port).send({ ...EMAIL, recipient }, makeContext());

      expect(outcome).toMatchObject({ kind: "rejected", code: "recipient_invalid" });
      expect(server.connections()).toBe(0);
    });
  }

  const values: readonly unknown[] = [
    null,
    ["a@x.test", "evil@y.test"],
    { address: "a@x.test,evil@y.test" },
    { path: "/etc/hostname" },
    { href: "http://127.0.0.1/" },
    Buffer.from("raw"),
  ];
  for (const field of ["recipient", "subject", "body", "reference"] as const) {
    for (const value of values) {
      test(`a ${field} that is ${JSON.stringify(value)}`, async () => {
        const server = await smtpServer();
        const message = { ...EMAIL, [field]: value } as OutgoingMessage;

        const outcome = await channel(server.port).send(message, makeContext());

        expect(outcome).toMatchObject({ kind: "rejected", code: "message_invalid" });
        expect(server.connections()).toBe(0);
      });
    }
  }

  test("a reference that would not stay one in a header", async () => {
    const server = await smtpServer();
    const reference = "a>\r\nBcc: <evil@y.test";

    const outcome = await channel(server.port).send({ ...EMAIL, reference }, makeContext());

    expect(outcome).toMatchObject({ kind: "rejected", code: "reference_invalid" });
    expect(server.connections()).toBe(0);
  });

  for (const recipient of ["a@x.test", "o'hara+tag@mail.x-y.test", "a!b%c@x.test", "1@1.kz"]) {
    test(`not so ${recipient}, a plain address`, async () => {
      const server = await smtpServer();

      expect(await channel(server.port).send({ ...EMAIL, recipient }, makeContext())).toMatchObject(
        {
          kind: "accepted",
        },
      );
      expect(server.commands).toContain(`RCPT TO:<${recipient}>`);
    });
  }

  test("also what else a lead may hold: only the fixed fields are ever read", async () => {
    const server = await smtpServer();
    const hostile = {
      ...EMAIL,
      bcc: "evil@y.test",
      html: { path: "/etc/hostname" },
      attachments: [{ path: "/etc/hostname" }],
      headers: { "X-Evil": "yes" },
      raw: "From: evil@y.test\r\n\r\nraw",
    };

    await channel(server.port).send(hostile, makeContext());

    expect(server.commands.filter((it) => it.startsWith("RCPT"))).toEqual([
      `RCPT TO:<${EMAIL.recipient}>`,
    ]);
    expect(server.mails[0]).not.toMatch(/evil|x-evil|multipart/i);
  });
});

describe("the sender", () => {
  for (const from of [
    "",
    "ProfTest",
    "a@x.test, b@x.test",
    "A <a@localhost>",
    "A\r\nB <a@x.test>",
    "<a@x.test> b",
  ]) {
    test(`cannot be ${JSON.stringify(from)}`, () => {
      expect(() => channel(25, from)).toThrow(
        expect.objectContaining({ code: "ONCEBOX_CONFIG_INVALID" }),
      );
    });
  }

  test("may have a quoted name", async () => {
    const server = await smtpServer();

    await channel(server.port, '"Prof, Test" <a@x.test>').send(EMAIL, makeContext());

    expect(headersOf(server.mails[0] ?? "")).toMatchObject({ from: '"Prof, Test" <a@x.test>' });
  });
});

function headersOf(mail: string): Record<string, string> {
  const head = mail.slice(0, mail.indexOf("\r\n\r\n")).replace(/\r\n[ \t]+/g, " ");
  return Object.fromEntries(
    head.split("\r\n").map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
}

/** The body as a person reads it, with plain newlines. */
function textOf(mail: string): string {
  const body = mail.slice(mail.indexOf("\r\n\r\n") + 4);
  const encoding = headersOf(mail)["content-transfer-encoding"];
  const bytes =
    encoding === "base64"
      ? Buffer.from(body, "base64")
      : Buffer.from(encoding === "quoted-printable" ? decodeQuoted(body) : body, "latin1");
  return bytes.toString("utf8").replace(/\r\n/g, "\n");
}

function decodeQuoted(text: string): string {
  return text
    .replace(/=\r\n/g, "")
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
