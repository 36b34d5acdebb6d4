/**
 * Packs a release into test/releases/, in place of the one that is there: the previous release, which
 * test/deploy/rolling.test.ts runs beside the current code.
 *
 *   npm run pack-release -- v0.1.0      any commit; HEAD by default
 *
 * Built from the commit alone, with the packages that are installed here. Run it right after a release,
 * and commit what it made.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const RELEASES = join(ROOT, "test/releases");

const commit = process.argv[2] ?? "HEAD";
const folder = mkdtempSync(join(tmpdir(), "oncebox-release-"));
try {
  const tar = execFileSync("git", ["archive", commit], { cwd: ROOT, maxBuffer: 2 ** 28 });
  execFileSync("tar", ["-x", "-C", folder], { input: tar });
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));

  mkdirSync(RELEASES, { recursive: true });
  for (const old of readdirSync(RELEASES).filter((it) => it.endsWith(".tgz"))) {
    rmSync(join(RELEASES, old));
  }
  const packed = execFileSync("npm", ["pack", "--json", "--pack-destination", RELEASES], {
    cwd: folder,
    encoding: "utf8",
  });
  const [{ filename, size }] = JSON.parse(packed) as [{ filename: string; size: number }];
  console.log(`test/releases/${filename}: ${size} bytes, of ${commit}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
