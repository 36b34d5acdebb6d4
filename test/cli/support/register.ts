import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type pg from "pg";
import { vi } from "vitest";
import type { FileRecord } from "../../../src/cli/register/record.ts";

const MAIN = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url));

export interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly process: ChildProcess;
  /** Everything on stderr so far. */
  stderr(): string;
  readonly ended: Promise<Ended>;
}

/** Starts `oncebox register` as a process of its own; its standard input stays open. */
export function startRegister(databaseUrl: string | null, args: readonly string[]): Running {
  const child = spawn(process.execPath, [MAIN, "register", ...args], {
    env: { ...process.env, DATABASE_URL: databaseUrl ?? "" },
  });
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  child.stdin.on("error", () => {}); // it may end before it has read everything
  return {
    process: child,
    stderr,
    ended: once(child, "close").then(([exitCode]) => ({
      exitCode,
      stdout: stdout(),
      stderr: stderr(),
    })),
  };
}

/** Runs `oncebox register` to its end. */
export async function register(
  databaseUrl: string | null,
  args: readonly string[],
  stdin: string | Buffer = "",
): Promise<Ended> {
  const running = startRegister(databaseUrl, args);
  running.process.stdin?.end(stdin);
  return await running.ended;
}

function collect(stream: Readable): () => string {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString();
}

/** A file in a folder of its own. */
export async function makeFile(name: string, content: string | Buffer): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), "oncebox-register-")), name);
  await writeFile(path, content);
  return path;
}

/** CSV of so many leads, each with a number and a key of its own: `key-0` and so on. */
export function manyLeads(count: number): string {
  const rows = Array.from({ length: count }, (_, index) => {
    const digits = String(index).padStart(7, "0");
    return `key-${index},+7777${digits},lead${index}@example.kz`;
  });
  return ["idempotency_key,phone,email", ...rows, ""].join("\n");
}

export async function countLeads(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    "select count(*)::integer as count from public.landing_leads",
  );
  return rows[0]?.count ?? 0;
}

/** Leads, the different recipients among them, and their notifications. */
export async function census(pool: pg.Pool): Promise<object | undefined> {
  const { rows } = await pool.query<object>(
    `select count(*)::integer as leads,
            count(distinct phone)::integer as phones,
            (select count(*)::integer from oncebox.notification) as notifications
       from public.landing_leads`,
  );
  return rows[0];
}

export async function waitFor(
  condition: () => Promise<boolean> | boolean,
  intervalMs = 20,
): Promise<void> {
  await vi.waitUntil(condition, { timeout: 30_000, interval: intervalMs });
}

/** Hands out text a few bytes at a time, so that every boundary falls somewhere awkward. */
export async function* inPieces(content: string | Buffer, size = 3): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(content);
  for (let start = 0; start < bytes.length; start += size) {
    yield bytes.subarray(start, start + size);
  }
}

/** What a reader says, in short: the line and the fields, or the line and the message. */
export async function read(records: AsyncIterable<FileRecord>): Promise<unknown[]> {
  const said: unknown[] = [];
  for await (const it of records) {
    said.push(
      it.kind === "fields"
        ? [it.line, Object.fromEntries(it.fields)]
        : [it.line, it.kind, it.refusal.message],
    );
  }
  return said;
}
