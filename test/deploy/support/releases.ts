import { execFileSync } from "node:child_process";
import { globSync } from "node:fs";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Lead } from "../../../src/outbox/lead.ts";
import type { Transaction } from "../../../src/outbox/transaction.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** A release that is installed somewhere, with the packages of this repository. */
export interface Release extends AsyncDisposable {
  /** What runs its `oncebox`, as after `node`. */
  readonly main: string;
  /** Its library. */
  load(): Promise<{ registerLead(tx: Transaction, lead: Lead): Promise<{ leadId: string }> }>;
}

/** The previous release: the tarball in test/releases, as `npm run pack-release` made it. */
export async function installPrevious(): Promise<Release> {
  const [tarball, ...others] = globSync("test/releases/*.tgz", { cwd: ROOT });
  if (tarball === undefined || others.length > 0) {
    throw new Error("test/releases wants one tarball: npm run pack-release -- v0.1.0");
  }
  const folder = await mkdtemp(join(tmpdir(), "oncebox-previous-"));
  execFileSync("tar", ["-x", "-z", "-f", join(ROOT, tarball), "-C", folder]);
  return await install(folder, join(folder, "package"), "dist/cli/main.js", "dist/index.js");
}

const NEXT_UP = `-- 9999_next: what a release changes under the workers of the one before.
--
-- Locks    ACCESS EXCLUSIVE on oncebox.notification and oncebox.attempt, each for a moment.
-- Workers  keep working: they name the columns they write, and these have defaults.
alter table oncebox.notification add column next_note text not null default 'none';
alter table oncebox.attempt add column next_note text;
alter table oncebox.worker add column next_note text not null default 'none';
create table oncebox.next_thing (id bigint generated always as identity primary key);
comment on table oncebox.next_thing is 'For a test.';
`;
const NEXT_DOWN = `-- 9999_next: takes it away.
drop table oncebox.next_thing;
alter table oncebox.worker drop column next_note;
alter table oncebox.attempt drop column next_note;
alter table oncebox.notification drop column next_note;
`;

/** The current code as the release after this one: with a migration more, that changes busy tables. */
export async function makeNext(): Promise<Release> {
  const folder = await mkdtemp(join(tmpdir(), "oncebox-next-"));
  const root = join(folder, "package");
  for (const part of ["src", "migrations", "sql"]) {
    await cp(join(ROOT, part), join(root, part), { recursive: true });
  }
  const manifest = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as object;
  await writeFile(join(root, "package.json"), JSON.stringify({ ...manifest, version: "999.0.0" }));
  await writeFile(join(root, "migrations/9999_next.up.sql"), NEXT_UP);
  await writeFile(join(root, "migrations/9999_next.down.sql"), NEXT_DOWN);
  return await install(folder, root, "src/cli/main.ts", "src/index.ts");
}

async function install(
  folder: string,
  root: string,
  main: string,
  library: string,
): Promise<Release> {
  await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
  return {
    main: join(root, main),
    load: () => import(/* @vite-ignore */ pathToFileURL(join(root, library)).href),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}
