import { type Check, ok } from "./checks.ts";

/** An app of pm2's that runs oncebox. */
export interface Pm2App {
  readonly name: string;
  /** Milliseconds; null = not set, so pm2's default. */
  readonly killTimeoutMs: number | null;
}

/** pm2's own, in milliseconds. */
const DEFAULT_KILL_TIMEOUT_MS = 1_600;

/** The apps of an ecosystem file, as pm2 reads them: a list, one app, or `{ apps }`. */
export function readApps(file: unknown): Pm2App[] {
  const apps = isRecord(file) && "apps" in file ? file.apps : file;
  return (Array.isArray(apps) ? apps : [apps])
    .filter(isRecord)
    .filter(runsOncebox)
    .map((app) => ({
      name: typeof app.name === "string" ? app.name : "oncebox",
      killTimeoutMs: readMs(app.kill_timeout),
    }));
}

/** Milliseconds, as a number or as digits. */
export function readMs(value: unknown): number | null {
  if (typeof value === "number") return value;
  return typeof value === "string" && /^\d{1,9}$/.test(value) ? Number(value) : null;
}

/** One that is killed before its sends are over leaves outcomes in doubt at every deploy. */
export function checkPm2(apps: readonly Pm2App[], sendTimeoutMs: number): Check {
  const name = "pm2";
  const tooShort = apps.filter((it) => timeoutOf(it) <= sendTimeoutMs);
  if (tooShort.length === 0) return ok(name, "waits for a worker's sends before it kills");
  const each = tooShort.map((it) => `${it.name} after ${timeoutOf(it) / 1_000} s`);
  return {
    name,
    status: "warn",
    means: `kills ${each.join(", ")}, and a send may take ${sendTimeoutMs / 1_000} s (ONCEBOX_SEND_TIMEOUT): what is under way at a restart is cut off, an email is then unknown`,
    remedy: `kill_timeout: ${sendTimeoutMs + 15_000} in the ecosystem file, then pm2 startOrReload`,
  };
}

function timeoutOf({ killTimeoutMs }: Pm2App): number {
  return killTimeoutMs ?? DEFAULT_KILL_TIMEOUT_MS;
}

function runsOncebox({ name, script, args }: Readonly<Record<string, unknown>>): boolean {
  return [name, script, args].flat().some((it) => typeof it === "string" && /\boncebox\b/.test(it));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
