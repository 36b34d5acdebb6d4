import { withoutComments } from "./statements.ts";

/**
 * The table locks that somebody else may have to wait for, weakest first. Reading (ACCESS SHARE) is left out: only an
 * ACCESS EXCLUSIVE waits for it.
 */
export const LOCK_MODES = [
  "ROW EXCLUSIVE",
  "SHARE UPDATE EXCLUSIVE",
  "SHARE",
  "SHARE ROW EXCLUSIVE",
  "ACCESS EXCLUSIVE",
] as const;

type LockMode = (typeof LOCK_MODES)[number];

export interface TableLock {
  /** With its schema; a view or an index is named here as well. */
  readonly table: string;
  readonly mode: LockMode;
  /** The whole table is written anew while the lock is held. */
  readonly rewrites: boolean;
  /** The whole table is read while the lock is held. */
  readonly scans: boolean;
}

export interface Footprint {
  readonly locks: readonly TableLock[];
  /** `false`: depends on what is there, so it takes these locks or some of them. */
  readonly isCertain: boolean;
}

type Rule = readonly [pattern: RegExp, locks: (match: RegExpExecArray) => TableLock[]];

const NAME = String.raw`((?:\w+\.)?\w+)`;

function lock(table: string, mode: LockMode, does: Partial<TableLock> = {}): TableLock {
  return { table, mode, rewrites: false, scans: false, ...does };
}

const SCANS = { scans: true } as const;

/** A kind of statement each, and what it locks. `test/db/locks.test.ts` compares them with pg_locks. */
const RULES: readonly Rule[] = [
  [/^create schema /, () => []],
  [/^(?:create (?:or replace )?|drop )function /, () => []],
  [/^comment on (?:function|schema|constraint) /, () => []],
  [/^(?:grant|revoke) |^alter (?:function|default privileges) /, () => []],
  [/^create table /, ({ input }) => referenced(input)],
  [
    new RegExp(
      String.raw`^create (?:unique )?index (concurrently )?(?:if not exists )?(?:\w+ )?on ${NAME}`,
    ),
    ([, concurrently, table = ""]) => [
      lock(table, concurrently === undefined ? "SHARE" : "SHARE UPDATE EXCLUSIVE", SCANS),
    ],
  ],
  [
    new RegExp(`^alter table (?:if exists )?(?:only )?${NAME} (.*)$`),
    ([, table = "", actions = ""]) =>
      mergeLocks(split(actions).flatMap((it) => altered(table, it))),
  ],
  [
    new RegExp(`^comment on (?:table|view|index) ${NAME}`),
    ([, table = ""]) => [lock(table, "SHARE UPDATE EXCLUSIVE")],
  ],
  [
    /^comment on column ((?:\w+\.)?\w+)\.\w+ /,
    ([, table = ""]) => [lock(table, "SHARE UPDATE EXCLUSIVE")],
  ],
  [
    new RegExp(`^create (?:or replace )?view ${NAME}`),
    ([, view = ""]) => [lock(view, "ACCESS EXCLUSIVE")],
  ],
  [
    /^drop view (?:if exists )?(.*)$/,
    ([, views = ""]) => views.split(", ").map((it) => lock(it, "ACCESS EXCLUSIVE")),
  ],
  [
    new RegExp(`^create (?:or replace )?trigger .*? on ${NAME}`),
    ([, table = ""]) => [lock(table, "SHARE ROW EXCLUSIVE")],
  ],
  [new RegExp(`^analyze ${NAME}`), ([, table = ""]) => [lock(table, "SHARE UPDATE EXCLUSIVE")]],
  // It writes down which database this is, once there is something to lose.
  [/^select oncebox\.remember_epoch\(\)/, () => [lock("oncebox.setting", "ROW EXCLUSIVE")]],
  [/^(?:with|insert|update|delete) /, ({ input }) => written(input)],
];

/** Foreign keys by table and name, such as `oncebox.audit.audit_notification_id_fkey`, with the table each points to. */
export type ForeignKeys = ReadonlyMap<string, string>;

/**
 * What one statement locks, at most.
 *
 * @param foreignKeys - Those of the database: dropping one locks the table that it points to as well.
 * @throws Error - The statement is of a kind that has no rule: give it one, and a test.
 */
export function footprintOf(statement: string, foreignKeys: ForeignKeys = new Map()): Footprint {
  const bare = withoutComments(statement);
  if (/^do /i.test(bare)) return { locks: inBlock(statement), isCertain: false };
  return {
    locks: mergeLocks([...locksOf(bare), ...unreferenced(bare, foreignKeys)]),
    isCertain: !/^select |^(?:create|drop) .*? if (?:not )?exists /.test(bare),
  };
}

function locksOf(bare: string): TableLock[] {
  for (const [pattern, locks] of RULES) {
    const match = pattern.exec(bare);
    if (match !== null) return mergeLocks(locks(match));
  }
  throw new Error(`no rule says what this locks: ${bare.slice(0, 80)}`);
}

/** The statements that change something in the body of a `do`, whether they are reached or not. */
function inBlock(statement: string): TableLock[] {
  const bare = withoutComments(/\$(\w*)\$([\s\S]*)\$\1\$/.exec(statement)?.[2] ?? "");
  const changing = bare.matchAll(
    /(?:^|; | then | begin )((?:create|alter|drop|insert into|update|delete from|comment on) [^;]*)/g,
  );
  return mergeLocks([...changing].flatMap(([, inner = ""]) => locksOf(inner)));
}

function altered(table: string, action: string): TableLock[] {
  const exclusive = (does: Partial<TableLock> = {}) => [lock(table, "ACCESS EXCLUSIVE", does)];
  if (/^add column |^add (?!constraint |foreign |primary |unique |check )/.test(action)) {
    const rewrites = isComputed(action);
    const scans = rewrites || / check \(| unique\b| primary key\b/.test(action);
    return [...exclusive({ rewrites, scans }), ...referenced(action)];
  }
  if (/foreign key/.test(action)) {
    const does = / not valid$/.test(action) ? {} : SCANS;
    return [lock(table, "SHARE ROW EXCLUSIVE", does), ...referenced(action)];
  }
  if (/^add /.test(action)) return exclusive(/ not valid$| using index /.test(action) ? {} : SCANS);
  if (/^alter (?:column )?\w+ (?:set data )?type /.test(action)) {
    return exclusive({ rewrites: true, scans: true });
  }
  if (/^alter (?:column )?\w+ set not null/.test(action)) return exclusive(SCANS);
  if (/^alter (?:column )?\w+ (?:set|drop) (?:default|not null)/.test(action)) return exclusive();
  if (/^drop (?:column|constraint) |^rename /.test(action)) return exclusive();
  if (/^(?:enable|disable) row level security/.test(action)) return exclusive();
  if (/^validate constraint /.test(action)) return [lock(table, "SHARE UPDATE EXCLUSIVE", SCANS)];
  throw new Error(`no rule says what this locks: alter table ${table} ${action.slice(0, 80)}`);
}

/** A value that may differ from row to row has to be written into every row. */
function isComputed(column: string): boolean {
  const call = / default (?:\w+\.)?(\w+)\(/.exec(column)?.[1];
  return (call !== undefined && call !== "now") || / generated /.test(column);
}

/** A foreign key locks the table it points to as well, to put its triggers there. */
function referenced(text: string): TableLock[] {
  return [...text.matchAll(/\breferences ((?:\w+\.)?\w+)/g)].map(([, table = ""]) =>
    lock(table, "SHARE ROW EXCLUSIVE"),
  );
}

function unreferenced(bare: string, foreignKeys: ForeignKeys): TableLock[] {
  const table = /^alter table (?:if exists )?(?:only )?([\w.]+) /.exec(bare)?.[1];
  return [...bare.matchAll(/\bdrop constraint (?:if exists )?(\w+)/g)].flatMap(([, name]) => {
    const target = foreignKeys.get(`${table}.${name}`);
    return target === undefined ? [] : [lock(target, "ACCESS EXCLUSIVE")];
  });
}

function written(text: string): TableLock[] {
  return [...text.matchAll(/\b(?:insert into|update|delete from) ((?:\w+\.)\w+)/g)].map(
    ([, table = ""]) => lock(table, "ROW EXCLUSIVE"),
  );
}

/** At the commas that are in no parenthesis and no text. */
function split(actions: string): string[] {
  const parts: string[] = [];
  let part = "";
  let depth = 0;
  for (const [piece] of actions.matchAll(/'(?:[^']|'')*'|[\s\S]/g)) {
    if (piece === "(") depth += 1;
    if (piece === ")") depth -= 1;
    if (piece === "," && depth === 0) {
      parts.push(part.trim());
      part = "";
    } else part += piece;
  }
  return [...parts, part.trim()];
}

/** One line a table: the strongest lock, and all that is done under it. */
function mergeLocks(locks: readonly TableLock[]): TableLock[] {
  const merged = new Map<string, TableLock>();
  for (const it of locks) {
    const other = merged.get(it.table) ?? it;
    const isStronger = LOCK_MODES.indexOf(it.mode) > LOCK_MODES.indexOf(other.mode);
    merged.set(it.table, {
      table: it.table,
      mode: isStronger ? it.mode : other.mode,
      rewrites: it.rewrites || other.rewrites,
      scans: it.scans || other.scans,
    });
  }
  return [...merged.values()];
}
