import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { test } from "../support/fixture.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** As pm2 starts it: with Node's channel to the parent, and a listener on it before the program. */
function startAsPm2(env: Readonly<Record<string, string>>): ChildProcess {
  const listener = 'data:text/javascript,process.on("message", () => {})';
  return spawn(process.execPath, ["--import", listener, MAIN, "worker"], {
    env: { ...process.env, MAIL_FROM: "info@example.kz", ...env },
    stdio: ["ignore", "pipe", "ignore", "ipc"],
  });
}

test("a worker that has drained ends, although its process manager listens in its process", async ({
  databaseUrl,
  onTestFinished,
}) => {
  const child = startAsPm2({ DATABASE_URL: databaseUrl, SMTP_URL: "smtp://127.0.0.1:1" });
  onTestFinished(() => void child.kill("SIGKILL"));
  const exited = once(child, "exit");
  for await (const chunk of child.stdout ?? []) {
    if (String(chunk).includes("worker:started")) child.kill("SIGINT");
    if (String(chunk).includes("worker:stopped")) break;
  }

  expect(await exited).toEqual([0, null]);
});

test("so does one that could not start for its settings", async ({ onTestFinished }) => {
  const child = startAsPm2({ SMTP_URL: "nonsense" });
  onTestFinished(() => void child.kill("SIGKILL"));

  expect(await once(child, "exit")).toEqual([2, null]);
});
