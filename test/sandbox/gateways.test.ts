import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import nodemailer from "nodemailer";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type LandedMessage, startGateways } from "../../src/sandbox/gateways.ts";
import { until } from "../support/until.ts";
import { isRunning } from "./is-running.ts";
import { call } from "./wire.ts";

const NUMBER = "77771234567";
const MAIL = { from: "a@example.kz", to: "b@example.kz", subject: "s", text: "t" };

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "oncebox-test-"));
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(dir, { recursive: true, force: true });
});

test("runs both as one process, and tells of everything that lands", async () => {
  await using gateways = await startGateways({ dir, mobizonApiKey: "key" });
  const landed: LandedMessage[] = [];
  gateways.onMessage((message) => landed.push(message));
  const address = { url: gateways.mobizonUrl, apiKey: gateways.mobizonApiKey };

  await call(address, "message/sendSmsMessage", { recipient: NUMBER, text: "x" });
  await nodemailer.createTransport(gateways.smtpUrl).sendMail(MAIL);

  await until("both to be told of", () => landed.length === 2);
  expect(landed).toMatchObject([
    { event: "sms", to: NUMBER, text: "x" },
    { event: "email", to: ["b@example.kz"], subject: "s" },
  ]);
  expect(await gateways.messages()).toMatchObject({
    sms: [{ to: NUMBER }],
    email: [{ text: "t" }],
  });
  expect(gateways.mobizonApiKey).toBe("key");
  expect(gateways.pid).not.toBe(process.pid);
});

test("remembers what was answered although it was killed right after", async () => {
  const first = await startGateways({ dir });
  const address = { url: first.mobizonUrl, apiKey: first.mobizonApiKey };
  const sent = await call(address, "message/sendSmsMessage", { recipient: NUMBER, text: "x" });
  await nodemailer.createTransport(first.smtpUrl).sendMail(MAIL);

  process.kill(first.pid, "SIGKILL");
  await until("the gateways to be gone", () => !isRunning(first.pid));
  await using second = await startGateways({ dir });

  expect(await second.messages()).toMatchObject({
    sms: [{ id: String(sent.data.messageId) }],
    email: [{ id: "sink-1" }],
  });
});

test("takes faults for either, and a delay, while it runs", async () => {
  await using gateways = await startGateways({ dir });
  const address = { url: gateways.mobizonUrl, apiKey: gateways.mobizonApiKey };
  const mailer = nodemailer.createTransport(gateways.smtpUrl);

  await gateways.addSmsFault({ fault: { accept: false, answer: "code", code: 30 } });
  await gateways.addEmailFault({ fault: { at: "mail", answer: "refuse", code: 451 } });
  const throttled = await call(address, "user/getOwnBalance");
  await expect(mailer.sendMail(MAIL)).rejects.toMatchObject({ responseCode: 451 });

  await gateways.addSmsFault({ times: "always", fault: { accept: false, answer: "reset" } });
  await gateways.addEmailFault({ times: "always", fault: { at: "connect", answer: "reset" } });
  await gateways.clearFaults();
  await gateways.set({ delayMs: 1 });
  const balance = await call(address, "user/getOwnBalance");
  await mailer.sendMail(MAIL);

  expect([throttled.code, balance.code]).toEqual([30, 0]);
  expect((await gateways.requests()).counts).toEqual({ "user/getOwnBalance": { 0: 1, 999: 1 } });
  await expect(
    gateways.addSmsFault({ fault: { accept: true, answer: "code", code: 0.5 } }),
  ).rejects.toMatchObject({ code: "ONCEBOX_SANDBOX_FAILED" });
});

async function startProcess() {
  const script = fileURLToPath(new URL("../../src/sandbox/gateways.ts", import.meta.url));
  const child = spawn(process.execPath, [script, "--dir", dir]);
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  return { child, ready: JSON.parse(line) as { event: string; mobizonUrl: string } };
}

test("outlives Ctrl-C, so that a worker can drain through it, and ends with its stdin", async () => {
  const { child, ready } = await startProcess();
  child.kill("SIGINT");

  const answer = await fetch(`${ready.mobizonUrl}/_sandbox/messages`);
  child.stdin.end();
  const [code] = await once(child, "exit");

  expect(ready.event).toBe("ready");
  expect(answer.status).toBe(200);
  expect(code).toBe(0);
});

test("ends on SIGTERM, even with a client that waits for an answer that never comes", async () => {
  const { child, ready } = await startProcess();
  await fetch(`${ready.mobizonUrl}/_sandbox/faults`, {
    method: "POST",
    body: JSON.stringify({ fault: { accept: false, answer: "never" } }),
  });
  const address = { url: ready.mobizonUrl, apiKey: "sandbox-key" };
  const waiting = call(address, "user/getOwnBalance").catch((error: unknown) => error);
  await until("the call to have come in", async () => {
    const answer = await fetch(`${ready.mobizonUrl}/_sandbox/requests`);
    return ((await answer.json()) as { recent: unknown[] }).recent.length === 1;
  });

  child.kill("SIGTERM");
  const [code] = await once(child, "exit");

  expect(code).toBe(0);
  expect(await waiting).toBeInstanceOf(Error);
});

test("says why it did not start when a port is taken", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as { port: number };
  try {
    await expect(startGateways({ dir, smtpPort: port })).rejects.toMatchObject({
      code: "ONCEBOX_SANDBOX_FAILED",
      detail: expect.stringContaining(`port ${port}`),
    });
  } finally {
    other.close();
  }
});

test("refuses to run in production", async () => {
  vi.stubEnv("NODE_ENV", "production");

  await expect(startGateways({ dir })).rejects.toMatchObject({ code: "ONCEBOX_SANDBOX_FAILED" });
});
