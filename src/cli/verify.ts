import { writeFileSync } from "node:fs";
import { type Command, InvalidArgumentError, Option } from "commander";
import { reportOf } from "../verify/report.ts";
import type { Progress } from "../verify/round.ts";
import { type Mode, STEPS } from "../verify/steps.ts";
import { verify } from "../verify/verify.ts";
import { onStopSignal } from "./signals.ts";
import { formatReport } from "./verify/table.ts";

interface Options {
  readonly for?: number;
  readonly kills?: number;
  readonly workers: number;
  readonly seed?: number;
  readonly mode: Mode | "both";
  readonly database?: string;
  readonly json?: string;
}

const DEFAULT_MS = 60_000;
/** With a number of kills and no time: a bound all the same, should they not come about. */
const KILLS_WITHIN_MS = 6 * 3_600_000;
const ORDER = [
  ...STEPS,
  "any moment",
  "frozen",
  "lock lost",
  "connections cut",
  "Postgres restarted",
];

export function verifyCommand(command: Command): Command {
  return command
    .addOption(
      new Option("--for <time>", "how long workers are harmed, as 60s or 10m").argParser(readTime),
    )
    .addOption(new Option("--kills <n>", "until so many were killed").argParser(readCount))
    .addOption(new Option("--workers <n>", "worker processes").argParser(readCount).default(4))
    .addOption(new Option("--seed <n>", "make the same decisions again").argParser(readSeed))
    .addOption(
      new Option("--mode <mode>", "how SMS are sent")
        .choices(["campaign", "message", "both"])
        .default("campaign"),
    )
    .option("--database <url>", "an empty database, instead of a Postgres that starts here")
    .option("--json <file>", "the report as JSON; - for standard output")
    .addHelpText(
      "after",
      `
Nothing leaves this machine: Mobizon and the mail server are stand-ins that start here, with a ledger
of their own. Exit 1 on any duplicate, loss or disagreement. An email that was cut off between its
last byte and the answer is unknown: nobody can know, and a person decides.

Examples:
  oncebox verify                          about a minute and a half
  oncebox verify --kills 1000 --mode both
  oncebox verify --seed 7 --json -`,
    )
    .action(run);
}

async function run(options: Options): Promise<void> {
  const seed = options.seed ?? Math.floor(Math.random() * 2 ** 31);
  const stopping = new AbortController();
  const signals = onStopSignal((_signal, isFirst) => {
    if (!isFirst) process.exit(130);
    console.error("\nstopping: what is under way is brought to its end and counted");
    stopping.abort();
  });
  try {
    const proof = await verify({
      modes: options.mode === "both" ? ["campaign", "message"] : [options.mode],
      databaseUrl: options.database ?? null,
      seed,
      workers: options.workers,
      forMs: options.for ?? (options.kills === undefined ? DEFAULT_MS : KILLS_WITHIN_MS),
      kills: options.kills ?? Number.POSITIVE_INFINITY,
      signal: stopping.signal,
      onProgress: showProgress(),
    });
    const report = reportOf(proof, seed, repeatOf(options, seed));
    if (process.stderr.isTTY) process.stderr.write("\r\u001b[2K");
    if (options.json === "-") console.log(JSON.stringify(report, null, 2));
    else console.log(formatReport(report, ORDER));
    if (options.json !== undefined && options.json !== "-")
      writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
    if (!report.isGood) process.exitCode = 1;
  } finally {
    signals.dispose();
  }
}

function repeatOf(options: Options, seed: number): string {
  const { for: forMs, kills, workers, mode, database } = options;
  return [
    `oncebox verify --seed ${seed} --workers ${workers} --mode ${mode}`,
    ...(forMs === undefined ? [] : [`--for ${forMs / 1_000}s`]),
    ...(kills === undefined ? [] : [`--kills ${kills}`]),
    // Its URL may hold a password.
    ...(database === undefined ? [] : ["--database <an empty one>"]),
  ].join(" ");
}

/** One line that is written over on a terminal; elsewhere one every ten seconds. */
function showProgress(): (progress: Progress) => void {
  const { isTTY } = process.stderr;
  let next = 0;
  return ({ mode, phase, kills, committed, landed }) => {
    if (performance.now() < next) return;
    next = performance.now() + (isTTY ? 200 : 10_000);
    const what = phase === "calm" ? "waiting until all is quiet" : "killing workers";
    const line = `${mode} mode, ${what}: ${kills} kills, ${committed} registrations, ${landed} messages landed`;
    process.stderr.write(isTTY ? `\r\u001b[2K${line}` : `${line}\n`);
  };
}

function readTime(text: string): number {
  const [, count, unit] = /^(\d{1,6})(s|m|h)$/.exec(text) ?? [];
  if (count === undefined) throw new InvalidArgumentError("Expected a time such as 60s or 10m.");
  return Number(count) * { s: 1_000, m: 60_000, h: 3_600_000 }[unit as "s" | "m" | "h"];
}

function readCount(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a whole number from 1.");
}

function readSeed(text: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a whole number.");
}
