import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findBinaries, sharedFolder } from "../../src/sandbox/postgres/binaries.ts";
import { postgresUser } from "../../src/sandbox/postgres/system-user.ts";

const user = postgresUser();

let folder: string;
/** As in a checkout of root's, under a 0700 home and installed without install scripts. */
let native: string;
/** In place of /var/tmp itself, which other tests use at the same time. */
let base: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "oncebox-test-"));
  native = join(folder, "package", "native");
  mkdirSync(dirname(native));
  const installed = join(dirname(findBinaries(null)), "..");
  cpSync(join(installed, "package.json"), join(folder, "package", "package.json"));
  cpSync(join(installed, "native"), native, {
    recursive: true,
    filter: (file) => !lstatSync(file).isSymbolicLink(),
  });
  chmodSync(folder, 0o700);
  base = mkdtempSync(join("/var/tmp", "oncebox-test-"));
  chmodSync(base, 0o755);
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
  rmSync(base, { recursive: true, force: true });
});

function version(bin: string): string {
  return execFileSync(join(bin, "postgres"), ["--version"], {
    ...user,
    cwd: "/",
    encoding: "utf8",
  });
}

test("makes the symlinks that the package cannot hold, and runs the programs in place", () => {
  const bin = findBinaries(null, native);

  expect(bin).toBe(join(native, "bin"));
  expect(execFileSync(join(bin, "postgres"), ["--version"], { encoding: "utf8" })).toContain("18.");
});

test.runIf(user !== null)("runs a copy where the server's user cannot enter, as that user", () => {
  const bin = findBinaries(user, native, base);

  expect(bin).toContain(base);
  expect(version(bin)).toContain("18.");
  expect(findBinaries(user, native, base)).toBe(bin);
});

test.runIf(user !== null)("makes the copy again when a cleaner has eaten from it", () => {
  const bin = findBinaries(user, native, base);
  const share = join(bin, "..", "share", "postgresql");
  rmSync(join(share, "postgres.bki"));

  expect(findBinaries(user, native, base)).toBe(bin);
  expect(readdirSync(share)).toContain("postgres.bki");
});

test("does not trust a folder that somebody else can write to", () => {
  const shared = sharedFolder(base);
  chmodSync(shared, 0o777);

  expect(() => sharedFolder(base)).toThrow(
    expect.objectContaining({
      code: "ONCEBOX_SANDBOX_FAILED",
      message: `${shared} is not safe to use`,
    }),
  );
});
