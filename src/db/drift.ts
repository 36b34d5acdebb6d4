import type pg from "pg";
import { type CatalogEntry, readCatalog } from "./catalog.ts";
import { readSql } from "./migrations/steps.ts";

export interface Difference {
  /** `missing`: dropped, or revoked. `changed`: there, with another definition. */
  readonly what: "missing" | "changed";
  /** Its kind and name, such as `index oncebox.notification_due`. */
  readonly object: string;
  /** As `sql/schema.sql` has it. */
  readonly expected: string;
  /** As the database has it; null when it is missing. */
  readonly found: string | null;
}

/**
 * How the database's schema differs from what this version made. What is there beside it, such as an index
 * or a view of somebody's own, is no difference; comments are none either. Of `public.landing_leads`, which
 * may be older than oncebox, only our columns must be there.
 */
export async function readDrift(pool: pg.Pool): Promise<Difference[]> {
  const found = new Map((await readCatalog(pool)).map((it) => [it.object, it.definition]));
  const expected = parseDump(await readSql("schema.sql"));
  return expected
    .filter((it) => !it.object.startsWith("comment "))
    .flatMap(({ object, definition }): Difference[] => {
      const actual = found.get(object) ?? null;
      if (actual === null) {
        return isOfLeads(object) && !object.startsWith("column ")
          ? []
          : [{ what: "missing", object, expected: definition, found: null }];
      }
      if (actual === definition || isOfLeads(object)) return [];
      return [{ what: "changed", object, expected: definition, found: actual }];
    });
}

function isOfLeads(object: string): boolean {
  return object.includes(" public.landing_leads");
}

const HEADING = `-- The schema of a fresh install: what oncebox migrate check and the tests compare with.
--
-- Written by  node scripts/schema.ts. Do not edit: the files in migrations/ and sql/ make it.
-- Functions   stand here by a fingerprint of their body; the bodies are in sql/functions/.`;

/** The entries as one text: a heading line each, then what defines it. */
export function dumpOf(entries: readonly CatalogEntry[]): string {
  return `${[HEADING, ...entries.map((it) => `-- ${it.object}\n${it.definition}`)].join("\n\n")}\n`;
}

export function parseDump(text: string): CatalogEntry[] {
  return text
    .trimEnd()
    .split("\n\n-- ")
    .slice(1)
    .map((it) => {
      const end = it.indexOf("\n");
      return { object: it.slice(0, end), definition: it.slice(end + 1) };
    });
}
