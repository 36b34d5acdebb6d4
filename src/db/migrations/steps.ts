import { readdir, readFile } from "node:fs/promises";
import { basename } from "node:path";
import { OnceboxError } from "../../errors.ts";
import { readVersion } from "../../version.ts";
import { splitStatements, withoutComments } from "./statements.ts";

const MIGRATIONS = new URL("../../../migrations/", import.meta.url);
const SQL = new URL("../../../sql/", import.meta.url);

/** The first whose schema has a place for `releaseNote`. */
const FIRST_WITH_NOTE = "0003_survival";

/** One migration: what changes the shape. */
export interface Step {
  readonly name: string;
  readonly up: readonly string[];
  readonly down: readonly string[];
  /** Whether the last release's workers keep working on the new shape; its header says so. */
  readonly keepsWorkers: boolean;
  /** The index that its first statement builds without holding writers up, outside of a transaction; else null. */
  readonly concurrentIndex: string | null;
}

/** A file of `sql/`: replaced as a whole by every migrate. */
export interface BehaviourFile {
  readonly name: string;
  readonly statements: readonly string[];
}

/** All migrations that this version knows, in their order. */
export async function readSteps(folder: URL = MIGRATIONS): Promise<Step[]> {
  return await Promise.all((await listSteps(folder)).map((name) => readStep(folder, name)));
}

/** Their names alone: every worker asks for them at its start, and none for what they do. */
export async function listSteps(folder: URL = MIGRATIONS): Promise<string[]> {
  return (await readdir(folder))
    .filter((it) => it.endsWith(".up.sql"))
    .map((it) => it.replace(/\.up\.sql$/, ""))
    .sort();
}

async function readStep(folder: URL, name: string): Promise<Step> {
  const up = await readFile(new URL(`${name}.up.sql`, folder), "utf8");
  const down = await readFile(new URL(`${name}.down.sql`, folder), "utf8");
  const statements = splitStatements(up);
  return {
    name,
    up: statements,
    down: splitStatements(down),
    keepsWorkers: keepsWorkers(name, up),
    concurrentIndex: concurrentIndexOf(name, statements),
  };
}

function keepsWorkers(name: string, up: string): boolean {
  const word = /^-- Workers {2}(keep working|stop)\b/m.exec(up)?.[1];
  if (word === undefined) {
    throw new Error(
      `${name}: its header must say "-- Workers  keep working.." or "-- Workers  stop.."`,
    );
  }
  return word === "keep working";
}

function concurrentIndexOf(name: string, statements: readonly string[]): string | null {
  const found = statements
    .map((it) =>
      /^create (?:unique )?index concurrently (?:if not exists )?(\w+) on (?:(\w+)\.)?\w+/i.exec(
        withoutComments(it),
      ),
    )
    .find((it) => it !== null);
  if (found === undefined) return null;
  const others = statements.slice(1).map(withoutComments);
  if (others.some((it) => !it.startsWith("comment on index "))) {
    throw new Error(
      `${name}: an index that is built concurrently is alone in its file, with its comment`,
    );
  }
  return `${found[2] ?? "public"}.${found[1]}`;
}

/** Functions, views, what fills tables with facts, then rights, in the order in which they are run. */
export async function readBehaviour(withRoles: boolean): Promise<BehaviourFile[]> {
  const names = [
    ...(await sqlFilesOf("functions/")),
    ...(await sqlFilesOf("views/")),
    "phone_plan.sql",
    "seeds.sql",
    "gone.sql",
    "private.sql",
    ...(withRoles ? ["roles.sql"] : []),
  ];
  return await Promise.all(
    names.map(async (it) => ({
      name: `sql/${it}`,
      statements: splitStatements(await readFile(new URL(it, SQL), "utf8")),
    })),
  );
}

/** Without their views, older tables can have columns taken away; every `migrate up` makes them again. */
export async function dropViews(): Promise<string> {
  const names = (await sqlFilesOf("views/")).map((it) => `oncebox.${basename(it, ".sql")}`);
  // No cascade: a view that somebody built on these is not ours to drop.
  return `drop view if exists ${names.join(", ")}`;
}

async function sqlFilesOf(folder: string): Promise<string[]> {
  const files = await readdir(new URL(folder, SQL));
  return files
    .filter((it) => it.endsWith(".sql"))
    .sort()
    .map((it) => folder + it);
}

/** One file of `sql/` as it is. */
export async function readSql(name: string): Promise<string> {
  return await readFile(new URL(name, SQL), "utf8");
}

/** What notes that a step was applied, in the step's own transaction. */
export function recordOf(steps: readonly Step[], name: string): string[] {
  return [
    `insert into oncebox.migration (name, timestamp)\nvalues ('${name}', to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))`,
    ...releaseNote(steps, name),
  ];
}

/** What notes that a step was taken back. */
export function unrecordOf(steps: readonly Step[], name: string): string[] {
  const before = steps[steps.findIndex((it) => it.name === name) - 1];
  return [
    `delete from oncebox.migration where name = '${name}'`,
    ...(before === undefined ? [] : releaseNote(steps, before.name)),
  ];
}

/**
 * What leaves word to workers of other releases, once `name` is the newest step applied: the last
 * one on which the workers of the release before it stop, and who migrated.
 */
export function releaseNote(steps: readonly Step[], name: string): string[] {
  if (name < FIRST_WITH_NOTE) return [];
  const required = steps.findLast((it) => !it.keepsWorkers && it.name <= name);
  return [
    `update oncebox.setting set required_migration = '${required?.name}', migrated_by = '${readVersion()}'`,
  ];
}

/** @throws OnceboxError `ONCEBOX_INPUT_INVALID` - no migration has that name. */
export function assertKnown(steps: readonly Step[], name: string): void {
  if (steps.some((it) => it.name === name)) return;
  throw new OnceboxError("ONCEBOX_INPUT_INVALID", `there is no migration ${name}`, {
    hint: `Name one of: ${steps.map((it) => it.name).join(", ")}.`,
  });
}
