import type { Socket } from "node:net";
import { beforeAll, describe, expect, test } from "vitest";
import { createSmtpChannel } from "../../src/channels/smtp.ts";
import { EMAIL, makeContext } from "./support/messages.ts";
import {
  type Certificate,
  closedPort,
  makeCertificate,
  rawServer,
  trust,
} from "./support/servers.ts";
import { type SmtpScript, smtpServer } from "./support/smtp-server.ts";

const FROM = "ProfTest <noreply@proftest.test>";
const MESSAGE_ID = `<${EMAIL.reference}@proftest.test>`;
const fin = (socket: Socket) => socket.end();
const rst = (socket: Socket) => socket.resetAndDestroy();
const silence = () => {};

let localhost: Certificate;

beforeAll(async () => {
  localhost = await makeCertificate("localhost");
  trust(localhost);
});

/** Lets the server go silent for 300 ms, where the default is ten minutes. */
function channel(
  port: number,
  { scheme = "smtp", host = "127.0.0.1", login = "", query = "" } = {},
) {
  return createSmtpChannel({
    url: `${scheme}://${login}${host}:${port}${query}`,
    from: FROM,
    timeouts: { connectMs: 300, silenceMs: 300 },
  });
}

describe("before the message is handed over, a failure is not_sent", () => {
  const OUTAGE = { kind: "not_sent", trouble: "outage" };
  const THROTTLE = { kind: "not_sent", trouble: "throttle" };
  const SETUP = { kind: "not_sent", trouble: "setup" };
  const LATER = { kind: "not_sent", retryAfterMs: 300_000 };
  const cases: ReadonlyArray<[name: string, script: SmtpScript, expected: object]> = [
    ["FIN before the greeting", { greeting: fin }, OUTAGE],
    ["RST before the greeting", { greeting: rst }, OUTAGE],
    ["no greeting", { greeting: silence }, { ...OUTAGE, code: "ETIMEDOUT" }],
    ["greeting 554", { greeting: "554 5.3.2 no service" }, { ...OUTAGE, code: "smtp_554" }],
    ["greeting 421", { greeting: "421 4.7.0 too many" }, { ...THROTTLE, code: "smtp_421" }],
    ["an HTTP server", { greeting: "HTTP/1.1 400 Bad Request" }, OUTAGE],
    ["a greeting of 100 KB", { greeting: `220-${"x".repeat(100_000)}` }, OUTAGE],
    ["EHLO refused with 421", { ehlo: "421 4.3.2 closing" }, THROTTLE],
    ["EHLO and HELO refused", { ehlo: "550 go away" }, OUTAGE],
    ...(["ehlo", "mail", "rcpt", "data"] as const).flatMap(
      (step): [string, SmtpScript, object][] => [
        [`FIN after ${step}`, { [step]: fin }, OUTAGE],
        [`RST after ${step}`, { [step]: rst }, OUTAGE],
        [`silence after ${step}`, { [step]: silence }, OUTAGE],
        [`garbage after ${step}`, { [step]: "what?" }, OUTAGE],
        [
          `half a line after ${step}, then FIN`,
          { [step]: (socket: Socket) => socket.end("25") },
          OUTAGE,
        ],
        [`421 after ${step}`, { [step]: "421 4.7.0 slow down" }, THROTTLE],
      ],
    ),
    ["MAIL refused with 550: our sender", { mail: "550 5.7.1 not your address" }, SETUP],
    ["MAIL refused with 530: log in first", { mail: "530 5.7.0 authentication required" }, SETUP],
    [
      "MAIL refused with 503",
      { mail: "503 5.5.1 EHLO first" },
      { kind: "not_sent", code: "smtp_503" },
    ],
    ["MAIL deferred with 451", { mail: "451 4.3.0 try later" }, LATER],
    ["MAIL deferred by policy", { mail: "450 4.7.1 too much mail" }, THROTTLE],
    ["RCPT deferred with 450", { rcpt: "450 4.2.0 greylisted" }, { ...LATER, code: "smtp_450" }],
    ["RCPT refused with 530", { rcpt: "530 5.7.1 authentication required" }, SETUP],
    ["RCPT refused with 503", { rcpt: "503 5.5.1 MAIL first" }, { kind: "not_sent" }],
    ["a daily limit", { rcpt: "550 5.4.5 daily user sending limit exceeded" }, THROTTLE],
    ["DATA deferred", { data: "451 4.3.0 try later" }, LATER],
    ["DATA refused with 503", { data: "503 5.5.1 RCPT first" }, { kind: "not_sent" }],
    // Refused for what the message is: not sent either, and no use in trying again.
    ["MAIL refused as too big", { mail: "552 5.3.4 too big" }, { kind: "rejected" }],
    [
      "RCPT refused with 550",
      { rcpt: "550 5.1.1 no such user" },
      { kind: "rejected", code: "smtp_550" },
    ],
    ["RCPT refused with 553", { rcpt: "553 5.1.3 bad address" }, { kind: "rejected" }],
    ["DATA refused with 554", { data: "554 5.6.0 no" }, { kind: "rejected", code: "smtp_554" }],
  ];
  for (const [name, script, expected] of cases) {
    test(name, async () => {
      const server = await smtpServer(script);
      const context = makeContext();

      const outcome = await channel(server.port).send(EMAIL, context);

      expect(outcome).toMatchObject(expected);
      if ("trouble" in outcome) expect(expected).toHaveProperty("trouble");
      expect(server.mails).toEqual([]);
      expect(server.received()).not.toContain("Message-ID");
      expect(context.looks).toBe(0);
      expect(server.connections()).toBe(1);
    });
  }

  test("a port that is closed", async () => {
    const outcome = await channel(await closedPort()).send(EMAIL, makeContext());

    expect(outcome).toMatchObject({ ...OUTAGE, code: "ECONNREFUSED" });
  });

  test("a name that does not exist", async () => {
    const outcome = await channel(25, { host: "nowhere.invalid" }).send(EMAIL, makeContext());

    expect(outcome).toMatchObject(OUTAGE);
  });

  test("a reply trickled byte by byte, at the send's deadline", async () => {
    const server = await smtpServer({
      rcpt: (socket) => {
        const timer = setInterval(() => socket.write("2"), 50);
        socket.once("close", () => clearInterval(timer));
      },
    });

    const outcome = await channel(server.port).send(
      EMAIL,
      makeContext({ signal: AbortSignal.timeout(500) }),
    );

    expect(outcome).toMatchObject({ ...OUTAGE, code: "deadline" });
    expect(server.mails).toEqual([]);
  });

  test("aborted before the message: nothing is written afterwards, though DATA is accepted", async () => {
    const abort = new AbortController();
    const server = await smtpServer({
      data: (socket) => {
        abort.abort();
        socket.write("354 go on\r\n");
      },
    });

    const outcome = await channel(server.port).send(EMAIL, makeContext({ signal: abort.signal }));

    expect(outcome).toMatchObject({ kind: "not_sent", code: "aborted" });
    await server.allClosed();
    expect(server.received()).not.toContain("Message-ID");
  });

  test("aborted before the call: no connection at all", async () => {
    const server = await smtpServer();

    const outcome = await channel(server.port).send(
      EMAIL,
      makeContext({ signal: AbortSignal.abort() }),
    );

    expect(outcome).toMatchObject({ kind: "not_sent", code: "aborted" });
    expect(server.connections()).toBe(0);
  });

  for (const ehlo of ["250 smtp.example.test", "250-smtp.example.test\r\n250 PIPELINING"]) {
    test(`an attempt whose time is over, to a server that says ${JSON.stringify(ehlo)}`, async () => {
      const server = await smtpServer({ ehlo });
      const context = makeContext({ mayStillSend: false });

      const outcome = await channel(server.port).send(EMAIL, context);

      expect(outcome).toEqual({ kind: "not_sent", code: "lease_over", detail: expect.any(String) });
      expect(context.looks).toBe(1);
      await server.allClosed();
      expect(server.commands.at(-1)).toBe("DATA");
      expect(server.received()).toMatch(/DATA\r\n$/);
    });
  }

  test("421 to MAIL by a server that pipelines, which says more than the end that follows", async () => {
    const server = await smtpServer({
      ehlo: "250-smtp.example.test\r\n250 PIPELINING",
      mail: (socket) => socket.end("421 4.3.2 closing\r\n"),
    });

    const outcome = await channel(server.port).send(EMAIL, makeContext());

    expect(outcome).toMatchObject({ ...THROTTLE, code: "smtp_421" });
    expect(server.mails).toEqual([]);
  });

  test("every recipient refused by a server that pipelines", async () => {
    const server = await smtpServer({
      ehlo: "250-smtp.example.test\r\n250 PIPELINING",
      rcpt: "550 5.1.1 no such user",
      data: "554 5.5.1 no valid recipients",
    });

    const outcome = await channel(server.port).send(EMAIL, makeContext());

    expect(outcome).toMatchObject({ kind: "rejected", code: "smtp_550" });
    expect(server.mails).toEqual([]);
  });
});

describe("once the message is handed over, only an answer to its dot is definite", () => {
  const UNKNOWN = { kind: "unknown", trouble: "outage" };
  const cases: ReadonlyArray<[name: string, script: SmtpScript, mails: number, expected: object]> =
    [
      ["FIN in the body", { body: fin }, 0, UNKNOWN],
      ["RST in the body", { body: rst }, 0, UNKNOWN],
      ["silence in the body", { body: silence }, 0, UNKNOWN],
      ["FIN after the dot", { dot: fin }, 1, UNKNOWN],
      ["RST after the dot", { dot: rst }, 1, UNKNOWN],
      ["silence after the dot", { dot: silence }, 1, UNKNOWN],
      ["half a line, then silence", { dot: (socket) => socket.write("250 o") }, 1, UNKNOWN],
      ["half a line of success, then FIN", { dot: (socket) => socket.end("250 o") }, 1, UNKNOWN],
      ["half a line of refusal, then FIN", { dot: (socket) => socket.end("554 n") }, 1, UNKNOWN],
      [
        "half of a longer refusal, then FIN",
        { dot: (socket) => socket.end("554-no\r\n") },
        1,
        UNKNOWN,
      ],
      [
        "a reply without a number",
        { dot: "okay, thanks" },
        1,
        { kind: "unknown", code: "EMESSAGE" },
      ],
      ["a reply that only begins like one", { dot: "2nd try welcome" }, 1, { kind: "unknown" }],
      ["354 once more", { dot: "354 go on" }, 1, { kind: "unknown" }],
      ["a reply of 100 KB", { dot: `250-${"x".repeat(100_000)}` }, 1, UNKNOWN],
      ["421", { dot: "421 4.3.2 closing" }, 1, { kind: "not_sent", trouble: "throttle" }],
      [
        "451",
        { dot: "451 4.3.0 try later" },
        1,
        { kind: "not_sent", code: "smtp_451", retryAfterMs: 300_000 },
      ],
      ["552", { dot: "552 5.3.4 too big" }, 1, { kind: "rejected", code: "smtp_552" }],
      [
        "554 and FIN",
        { dot: (socket) => socket.end("554 5.7.1 spam\r\n") },
        1,
        { kind: "rejected", code: "smtp_554" },
      ],
      ["250 with a queue id", {}, 1, { kind: "accepted", providerRef: "4XyZ01" }],
      [
        "250 with Exim's id",
        { dot: "250 OK id=1tXyZ2-0003fd-2a" },
        1,
        { kind: "accepted", providerRef: "1tXyZ2-0003fd-2a" },
      ],
      [
        "250 without an id",
        { dot: "250 thanks" },
        1,
        { kind: "accepted", providerRef: MESSAGE_ID },
      ],
      ["250 and FIN", { dot: (socket) => socket.end("250 ok\r\n") }, 1, { kind: "accepted" }],
      ["250 over two lines", { dot: "250-well\r\n250 done" }, 1, { kind: "accepted" }],
    ];
  for (const [name, script, mails, expected] of cases) {
    test(name, async () => {
      const server = await smtpServer(script);
      const context = makeContext();

      const outcome = await channel(server.port).send(EMAIL, context);

      expect(outcome).toMatchObject(expected);
      expect(server.mails).toHaveLength(mails);
      expect(context.looks).toBe(1);
      expect(server.connections()).toBe(1);
      expect(server.commands.filter((it) => it.startsWith("RCPT"))).toEqual([
        `RCPT TO:<${EMAIL.recipient}>`,
      ]);
    });
  }

  test("aborted after the dot", async () => {
    const abort = new AbortController();
    const server = await smtpServer({ dot: () => abort.abort() });

    const outcome = await channel(server.port).send(EMAIL, makeContext({ signal: abort.signal }));

    expect(outcome).toMatchObject({ kind: "unknown", code: "aborted" });
    expect(server.mails).toHaveLength(1);
  });

  test("the send's deadline after the dot", async () => {
    const server = await smtpServer({ dot: silence });
    const patient = createSmtpChannel({ url: `smtp://127.0.0.1:${server.port}`, from: FROM });

    const outcome = await patient.send(EMAIL, makeContext({ signal: AbortSignal.timeout(300) }));

    expect(outcome).toMatchObject({ kind: "unknown", code: "deadline", trouble: "outage" });
    expect(server.mails).toHaveLength(1);
  });
});

describe("login", () => {
  const LOGIN = { login: "robot%40proftest.test:p%40ss-canary@" };
  const ehlo = "250-smtp.example.test\r\n250 AUTH PLAIN LOGIN";
  const cases: ReadonlyArray<[name: string, script: SmtpScript, expected: object]> = [
    ["taken", { ehlo }, { kind: "accepted" }],
    [
      "refused with 535",
      { ehlo, auth: "535 5.7.8 p@ss-canary is wrong" },
      { kind: "not_sent", trouble: "setup", code: "smtp_535" },
    ],
    [
      "refused with 534",
      { ehlo, auth: "534 5.7.9 too weak" },
      { kind: "not_sent", trouble: "setup" },
    ],
    [
      "deferred with 454",
      { ehlo, auth: "454 4.7.0 later" },
      { kind: "not_sent", trouble: "throttle" },
    ],
    [
      "deferred with 432",
      { ehlo, auth: "432 4.3.0 later" },
      { kind: "not_sent", trouble: "outage" },
    ],
    ["cut", { ehlo, auth: fin }, { kind: "not_sent", trouble: "outage" }],
    ["without an answer", { ehlo, auth: silence }, { kind: "not_sent", trouble: "outage" }],
    ["not offered", {}, { kind: "not_sent", trouble: "setup", code: "EAUTH" }],
  ];
  for (const [name, script, expected] of cases) {
    test(name, async () => {
      const server = await smtpServer(script);

      const outcome = await channel(server.port, LOGIN).send(EMAIL, makeContext());

      expect(outcome).toMatchObject(expected);
      expect(server.mails).toHaveLength("accepted" === outcome.kind ? 1 : 0);
      expect(JSON.stringify(outcome)).not.toContain("canary");
    });
  }
});

describe("TLS", () => {
  const STARTTLS = "250-smtp.example.test\r\n250 STARTTLS";

  test("is taken up by STARTTLS before anything else is said", async () => {
    const server = await smtpServer({ ehlo: STARTTLS, certificate: localhost });

    const outcome = await channel(server.port, {
      host: "localhost",
      query: "?requireTLS=true",
    }).send(EMAIL, makeContext());

    expect(outcome).toMatchObject({ kind: "accepted" });
    expect(server.commands.map((it) => it.slice(0, 8))).toEqual([
      "EHLO [12",
      "STARTTLS",
      "EHLO [12",
      "MAIL FRO",
      "RCPT TO:",
      "DATA",
    ]);
    expect(server.received()).not.toContain("MAIL FROM");
  });

  const failures: ReadonlyArray<
    [name: string, script: () => Promise<SmtpScript>, expected: object]
  > = [
    ["is required and not offered", async () => ({}), { trouble: "setup" }],
    [
      "has a certificate nobody trusts",
      async () => ({ ehlo: STARTTLS, certificate: await makeCertificate("localhost") }),
      { trouble: "setup" },
    ],
    [
      "has a certificate for another name",
      async () => ({ ehlo: STARTTLS, certificate: await makeCertificate("elsewhere.test") }),
      { trouble: "setup" },
    ],
  ];
  for (const [name, script, expected] of failures) {
    test(`${name}: no envelope is sent`, async () => {
      const server = await smtpServer(await script());

      const outcome = await channel(server.port, {
        host: "localhost",
        query: "?requireTLS=true",
      }).send(EMAIL, makeContext());

      expect(outcome).toMatchObject({ kind: "not_sent", ...expected });
      expect(server.commands.some((it) => it.startsWith("MAIL"))).toBe(false);
    });
  }

  const handshakes: ReadonlyArray<
    [name: string, script: (socket: Socket) => void, expected: object]
  > = [
    ["stalls", silence, { code: "ETIMEDOUT", trouble: "outage" }],
    ["ends in a FIN", (socket) => socket.once("data", () => socket.end()), { trouble: "outage" }],
    ["ends in an RST", (socket) => socket.once("data", () => rst(socket)), { trouble: "outage" }],
    [
      "meets plain text",
      (socket) => socket.write("220 smtp.example.test ESMTP\r\n"),
      { trouble: "setup" },
    ],
  ];
  for (const [name, script, expected] of handshakes) {
    test(`from the first byte ${name}`, async () => {
      const server = await rawServer(script);

      const outcome = await channel(server.port, { scheme: "smtps", host: "localhost" }).send(
        EMAIL,
        makeContext(),
      );

      expect(outcome).toMatchObject({ kind: "not_sent", ...expected });
      expect(server.received()).not.toContain("EHLO");
    });
  }
});
