/**
 * How fast is oncebox beside what a user would take instead? `npm run bench -- --help` says what it takes.
 *
 * The contestants take turns: each round measures all of them in every scenario, in another order, each on a
 * fresh database of an embedded Postgres with its default settings and a gateway in a process of its own. A figure
 * against another contestant is a ratio within one round. Exit 1 when a figure is missed, 130 on Ctrl-C; what was
 * measured until then is written all the same.
 */
import { mkdir, statfs, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { Arena } from "./compare/arena.ts";
import { describeMachine } from "./compare/machine.ts";
import { HELP, type Options, readOptions } from "./compare/options.ts";
import { reportOf } from "./compare/report.ts";
import { resultsOf } from "./compare/results.ts";
import type { Sample } from "./compare/samples.ts";
import type { Bench, Measured, Scenario } from "./compare/scenario.ts";
import { LIMITS } from "./compare/scenarios.ts";

const options = parse();
if (options === null) process.stdout.write(HELP);
else process.exitCode = await compare(options);

function parse(): Options | null {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    console.error("npm run bench -- --help says what there is");
    process.exit(2);
  }
}

async function compare(options: Options): Promise<number> {
  console.error("starting Postgres and the gateway");
  await using arena = await Arena.open();
  const notes = new Set<string>();
  const samples: Sample[] = [];
  const benchFor = (what: string): Bench => ({
    arena,
    sizes: options.sizes,
    note(text) {
      notes.add(`${what}: ${text}`);
      console.error(`  ${text}`);
    },
  });
  const machine = await describeMachine(arena.serverUrl);
  const scenarios: Scenario[] = [];
  for (const scenario of options.scenarios)
    if (await hasRoom(benchFor(scenario.name), scenario)) scenarios.push(scenario);

  const report = async () => {
    const results = resultsOf(machine, { ...options, scenarios }, samples, [...notes]);
    await mkdir(dirname(options.json), { recursive: true });
    await writeFile(options.json, `${JSON.stringify(results, null, 2)}\n`);
    process.stdout.write(reportOf(results));
    console.error(`written to ${options.json}`);
    return results;
  };
  const interrupted = onInterrupt(async () => {
    notes.add("interrupted: not all of it was measured");
    if (samples.length > 0) await report();
    await arena[Symbol.asyncDispose]();
  });

  const startedAt = performance.now();
  const turns = turnsOf(scenarios, options);
  for (const [index, { scenario, contestant, round, run }] of turns.entries()) {
    if (interrupted.aborted) return 130;
    const done = ((index / turns.length) * 100).toFixed(0);
    const minutes = ((performance.now() - startedAt) / 60_000).toFixed(1);
    console.error(`${done}%, ${minutes} min: ${scenario}, ${contestant}`);
    const measured = await attempt(benchFor(`${scenario}, ${contestant}`), run, interrupted);
    for (const [measure, value] of Object.entries(measured))
      samples.push({ scenario, contestant, measure, round, value });
  }
  const { targets } = await report();
  return targets.every((it) => it.isReached) ? 0 : 1;
}

interface Turn {
  readonly scenario: string;
  readonly contestant: string;
  readonly round: number;
  run(bench: Bench): Promise<Measured>;
}

/** All rounds, one after the other. */
function turnsOf(scenarios: readonly Scenario[], options: Options): Turn[] {
  return Array.from({ length: options.rounds }, (_, round) =>
    scenarios
      .filter((it) => round === 0 || !it.isOnce)
      .flatMap((scenario) => rotate(turnsWithin(scenario, round, options), round)),
  ).flat();
}

/** Everybody who takes part in a scenario, and the machine's own limits. */
function turnsWithin(scenario: Scenario, round: number, { contestants, isQuick }: Options): Turn[] {
  const { name } = scenario;
  const taking = contestants.filter((it) => scenario.only?.includes(it.name) ?? true);
  const limits = LIMITS.filter((it) => it.scenario === name && (it.isQuick || !isQuick));
  return [
    ...taking.map((contestant) => ({
      scenario: name,
      contestant: contestant.name,
      round,
      run: (bench: Bench) => scenario.run(bench, contestant),
    })),
    ...limits.map(({ title, run }) => ({ scenario: name, contestant: title, round, run })),
  ];
}

/** Nobody always comes first or last. */
function rotate<T>(items: readonly T[], by: number): T[] {
  const from = by % Math.max(1, items.length);
  return [...items.slice(from), ...items.slice(0, from)];
}

/** One that fails is told of and has no figure; the others go on. */
async function attempt(
  bench: Bench,
  run: Turn["run"],
  interrupted: AbortSignal,
): Promise<Measured> {
  try {
    return await run(bench);
  } catch (error) {
    if (!interrupted.aborted)
      bench.note(`failed: ${error instanceof Error ? error.message : error}`);
    return {};
  }
}

async function hasRoom({ arena, note }: Bench, { gigabytes = 1 }: Scenario): Promise<boolean> {
  const { bavail, bsize } = await statfs(arena.dataDir);
  const free = (bavail * bsize) / 1024 ** 3;
  if (free > gigabytes) return true;
  note(`left out: it needs ${gigabytes} GB, and ${free.toFixed(0)} GB are free`);
  return false;
}

/** Ctrl-C ends what is measured: what is known is reported, and processes and data are removed. */
function onInterrupt(end: () => Promise<void>): AbortSignal {
  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      interrupted.abort();
      console.error("stopping");
      void end().finally(() => process.exit(130));
    });
  }
  return interrupted.signal;
}
