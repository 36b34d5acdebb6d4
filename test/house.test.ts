import { globSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { CODE_OF_SQLSTATE } from "../src/db/errors.ts";
import { ERROR_CODES } from "../src/errors.ts";
import { run } from "./db/support/oncebox.ts";

/** Part of src -> what it may import, beside Node itself. Anything not listed is a new arrow: discuss it first. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "errors.ts": [],
  "log.ts": ["pino"],
  "version.ts": [],
  "trace.ts": ["@opentelemetry/api"],
  // Of ours only types: it is told, and asks nobody.
  "metrics.ts": [
    ...["inspect/queue", "outbox/notification", "outbox/outcome", "tasks/observer"],
    "prom-client",
  ],
  "config.ts": ["errors", "log", "zod"],
  "index.ts": ["config", "errors", "log", "db", "outbox", "worker"],
  db: ["db", "errors", "version", "pg", "kysely", "graphile-worker"],
  outbox: ["outbox", "db", "errors", "trace", "kysely"],
  // Of ours only what an outcome is: a channel knows no Postgres.
  channels: ["channels", "outbox/outcome", "outbox/notification", "errors", "undici", "nodemailer"],
  tasks: ["tasks", "outbox", "errors", "log", "trace", "graphile-worker", "kysely"],
  inspect: [
    ...["inspect", "outbox/notification", "outbox/outcome", "outbox/tokens", "db", "errors"],
    "kysely",
  ],
  "worker.ts": ["channels", "config", "errors", "log", "outbox", "shift"],
  "shift.ts": [
    ...["config", "db", "log", "outbox", "tasks", "version"],
    ...["graphile-worker", "kysely", "p-limit"],
  ],
  http: [
    ...[
      "http",
      "outbox",
      "inspect",
      "db",
      "config",
      "errors",
      "log",
      "metrics",
      "trace",
      "version",
    ],
    ...["fastify", "@fastify", "fastify-type-provider-zod", "csv-stringify", "zod"],
    ...["pg", "kysely"],
  ],
  cli: [
    ...[
      "cli",
      "http",
      "outbox",
      "inspect",
      "db",
      "worker",
      "shift",
      "metrics",
      "verify",
      "sandbox",
      "config",
      "errors",
      "log",
    ],
    ...["version", "commander", "cli-table3", "cli-progress", "csv-parse", "pg", "kysely"],
  ],
  // The crash proof: it starts, breaks and judges all the rest.
  verify: [
    ...["verify", "worker", "shift", "outbox", "db", "sandbox", "config", "errors", "log"],
    ...["pg", "kysely", "zod"],
  ],
  // Stand-ins for the outside world: they know nothing of the outbox.
  sandbox: ["sandbox", "errors", "pg", "zod", "smtp-server"],
};

/** With `from` or without, static or dynamic, of types too. */
const IMPORT =
  /^(?:import|export)\s[^;]*?from\s+"([^"]+)"|^import\s+"([^"]+)"|\bimport\("([^"]+)"\)/gm;

interface Import {
  readonly file: string;
  /** A package, or a file of ours as `outbox/claim`. */
  readonly target: string;
}

function filesOf(part: string): string[] {
  return part.endsWith(".ts") ? globSync(`src/${part}`) : globSync(`src/${part}/**/*.ts`);
}

function importsOf(file: string): Import[] {
  return [...readFileSync(file, "utf8").matchAll(IMPORT)]
    .map(([, from, bare, dynamic]) => from ?? bare ?? dynamic ?? "")
    .map((specifier) =>
      specifier.startsWith(".")
        ? posix.relative("src", posix.join(posix.dirname(file), specifier)).replace(/\.ts$/, "")
        : specifier,
    )
    .filter((target) => !target.startsWith("node:"))
    .map((target) => ({ file, target }));
}

/** Lines of src that match, without comments, as `file: line`. */
function linesLike(pattern: RegExp, files = globSync("src/**/*.ts")): string[] {
  return files.flatMap((file) =>
    readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => !/^\s*(?:\*|\/\/|\/\*)/.test(line) && pattern.test(line))
      .map((line) => `${file}: ${line.trim()}`),
  );
}

describe("who may import whom", () => {
  for (const [part, allowed] of Object.entries(MAY_IMPORT)) {
    test(`src/${part} imports only what the house rules allow`, () => {
      const offenders = filesOf(part)
        .flatMap(importsOf)
        .filter(({ target }) => !allowed.some((it) => target === it || target.startsWith(`${it}/`)))
        .map(({ file, target }) => `${file} -> ${target}`);

      expect(offenders).toEqual([]);
    });
  }

  test("is said for every file there is", () => {
    const ruled = new Set(Object.keys(MAY_IMPORT).flatMap(filesOf));

    expect(globSync("src/**/*.ts").filter((it) => !ruled.has(it))).toEqual([]);
    expect(ruled.size).toBeGreaterThan(50);
  });

  test("is seen however it is written", () => {
    const text = [
      'import { a } from "a";',
      'import type {\n  B,\n} from "b";',
      'export * from "c";',
      'import "d";',
      'const e = await import("e");',
    ].join("\n");

    expect([...text.matchAll(IMPORT)].map(([, ...it]) => it.find((one) => one))).toEqual([
      ...["a", "b", "c", "d", "e"],
    ]);
  });

  test("nothing but worker.ts builds a channel", () => {
    const offenders = globSync("src/**/*.ts")
      .filter((file) => !file.startsWith("src/channels/") && file !== "src/worker.ts")
      .flatMap(importsOf)
      .filter(({ target }) => target.startsWith("channels/"));

    expect(offenders).toEqual([]);
  });
});

describe("the environment", () => {
  test("is read by config.ts alone", () => {
    // The sandbox has no configuration; it only asks where it must not run.
    const known = ["src/config.ts", "src/sandbox/refuse-production.ts"];

    const offenders = linesLike(/process\.env|\benv\b.*from "node:process"/).filter(
      (it) => !known.some((file) => it.startsWith(`${file}: `)) && !isHandedOn(it),
    );

    expect(offenders).toEqual([]);
  });

  /** The whole environment, given to a child process as it is. */
  function isHandedOn(line: string): boolean {
    return /env: (?:process\.env|\{ \.\.\.process\.env)/.test(line);
  }
});

describe("SQL", () => {
  const SQL_TEXT =
    /\bsql(?:<[^`]*>)?`|\bsql\.raw\b|CompiledQuery|\.query\(|(["'`])\s*(?:select|insert into|update|delete from)\s/i;
  /** Text that a person reads, and the edges of a transaction. */
  const NO_STATEMENT =
    /\.query\("(?:begin|commit|rollback)"\)|psql|select \* from oncebox\.register_lead\(/;

  for (const part of ["cli", "http", "tasks", "channels", "worker.ts", "config.ts"]) {
    test(`is no text in src/${part}`, () => {
      // The demo plays an old backend, which is not ours and speaks SQL.
      const files = filesOf(part).filter((it) => !it.startsWith("src/cli/demo/"));

      expect(linesLike(SQL_TEXT, files).filter((it) => !NO_STATEMENT.test(it))).toEqual([]);
    });
  }

  test("has the body of every function in a file of its own name, and nowhere else", () => {
    const created = /create (?:or replace )?function ([\w.]+)/gi;
    const inFunctions = globSync("sql/functions/*.sql").map((file) => ({
      file,
      names: [...readFileSync(file, "utf8").matchAll(created)].map(([, name]) => name),
    }));
    const elsewhere = globSync(["migrations/*.sql", "sql/*.sql", "sql/views/*.sql", "src/**/*.ts"])
      .filter((file) => !file.startsWith("src/sandbox/"))
      .filter((file) => readFileSync(file, "utf8").match(created) !== null);

    for (const { file, names } of inFunctions) {
      expect(names).toEqual([`oncebox.${posix.basename(file, ".sql")}`]);
    }
    expect(elsewhere).toEqual([]);
  });

  test("begins with a comment that says what it is", () => {
    const silent = globSync(["migrations/*.sql", "sql/**/*.sql"]).filter(
      (file) => !readFileSync(file, "utf8").startsWith("-- "),
    );

    expect(silent).toEqual([]);
  });
});

describe("every error", () => {
  const page = readFileSync("docs/errors.md", "utf8");

  test("has a heading of its own in docs/errors.md, in the order of the list", () => {
    const headings = [...page.matchAll(/^## (ONCEBOX_\w+)$/gm)].map(([, code]) => code);

    expect(headings).toEqual([...ERROR_CODES]);
  });

  for (const code of ERROR_CODES) {
    test(`is raised somewhere, and explained: ${code}`, () => {
      const section = page.split(/^## /m).find((it) => it.startsWith(`${code}\n`)) ?? "";
      const raised = linesLike(
        new RegExp(`"${code}"`),
        globSync("src/**/*.ts").filter((file) => file !== "src/errors.ts"),
      );

      expect(raised).not.toEqual([]);
      for (const heading of ["What happened", "Is anything lost", "What to do"]) {
        expect(section).toContain(`### ${heading}`);
      }
    });
  }

  test("that our SQL raises has a code of ours, and its SQLSTATE is named beside it", () => {
    const raised = globSync(["sql/**/*.sql", "migrations/*.sql"]).flatMap((file) =>
      [...readFileSync(file, "utf8").matchAll(/'(OB\d{3})'/g)].map(([, state = ""]) => state),
    );

    expect([...new Set(raised)].sort()).toEqual(
      expect.arrayContaining(["OB001", "OB002", "OB003", "OB004", "OB005", "OB006", "OB007"]),
    );
    for (const state of new Set(raised)) {
      const code = CODE_OF_SQLSTATE[state];
      expect([state, ERROR_CODES.find((it) => it === code)]).toEqual([state, code]);
      expect(page).toMatch(new RegExp(`^## ${code}\\n\\nSQLSTATE \`${state}\``, "m"));
    }
    expect(Object.keys(CODE_OF_SQLSTATE).sort()).toEqual([...new Set(raised)].sort());
  });
});

describe("every log line", () => {
  /** A level, the event's fields, and the message: of a template only what stands before its first value. */
  const LINE =
    /\blog\.(info|warn|error)\(\s*(?:\{[^}]*\}|event),\s*(?:"([^"]+)"|`([^`$]+)[^`]*`),?\s*\)/g;
  // The crash proof, the stand-ins and the demo tell their own stories.
  const files = globSync("src/**/*.ts").filter(
    (file) => !/^src\/(?:verify|sandbox|cli\/demo)\//.test(file),
  );
  const written = files.flatMap((file) =>
    [...readFileSync(file, "utf8").matchAll(LINE)].map(([, level = "", whole, begun]) => ({
      level,
      message: whole ?? begun ?? "",
    })),
  );
  const [, table = ""] = readFileSync("docs/operating.md", "utf8").split("\n## The log\n");
  const explained = [...table.matchAll(/^\| (`.*?) \| (.*?) \|/gm)].flatMap(
    ([, names = "", levels = ""]) =>
      [...names.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => ({ name, levels })),
  );

  /** As the table has it: whole, or its beginning and two dots. */
  function isCalled(name: string, message: string): boolean {
    return name.endsWith("..") ? message.startsWith(name.slice(0, -2).trimEnd()) : message === name;
  }

  test("is seen here, but for those that hand on another program's words", () => {
    const calls = linesLike(/\blog\.(?:info|warn|error)\(/, files);
    const others = calls.filter((it) => it.includes('from: "graphile-worker"'));

    expect(others).toHaveLength(2);
    expect(written).toHaveLength(calls.length - others.length);
  });

  test("is explained in docs/operating.md, with its level", () => {
    const silent = written.filter(
      ({ level, message }) =>
        !explained.some((it) => isCalled(it.name, message) && it.levels.includes(level)),
    );

    expect(silent).toEqual([]);
  });

  test("that is explained there is written somewhere", () => {
    expect(
      explained.filter(({ name }) => !written.some(({ message }) => isCalled(name, message))),
    ).toEqual([]);
    expect(explained.length).toBeGreaterThan(40);
  });
});

describe("the image", () => {
  test("has every folder that the package has, beside what is only read", () => {
    const { files } = JSON.parse(readFileSync("package.json", "utf8")) as { files: string[] };
    const image =
      readFileSync("docs/deploy/Dockerfile", "utf8")
        .split(/^FROM .*$/m)
        .at(-1) ?? "";
    const sent = readFileSync("docs/deploy/Dockerfile.dockerignore", "utf8");
    const needed = files.filter((it) => it !== "docs");

    expect(needed.filter((it) => !new RegExp(`^COPY .*\\b${it}\\b`, "m").test(image))).toEqual([]);
    expect(needed.filter((it) => it !== "dist" && !sent.includes(`\n!${it}\n`))).toEqual([]);
  });
});

describe("src/index.ts", () => {
  test("does nothing when it is imported: the process says nothing and ends by itself", async () => {
    const program = `await import(${JSON.stringify(pathToFileURL("src/index.ts").href)})`;

    const ended = await run(process.execPath, ["--input-type=module", "--eval", program]);

    expect(ended).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  });

  test("exports functions, one error class, and no state", async () => {
    const names = await import("../src/index.ts");

    expect(Object.values(names).map((it) => typeof it)).toEqual(
      Object.values(names).map(() => "function"),
    );
  });
});
