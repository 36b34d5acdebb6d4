import { OnceboxError } from "../errors.ts";
import { startPostgres } from "../sandbox/postgres.ts";
import { playOldWay } from "./demo/old-way.ts";
import { playOnceboxWay } from "./demo/oncebox-way.ts";
import { ANSWER_MS, DELAY_MS, PEOPLE, SWEEP_EVERY_MS } from "./demo/scene.ts";
import { stage } from "./demo/stage.ts";
import { formatTable, judge } from "./demo/tally.ts";
import { onStopSignal } from "./signals.ts";

// The story oncebox began with, played for real: real processes, a real Postgres, a gateway that
// keeps its own record. Exit code 0 only if that record shows the old fault and the cure.

const INTRODUCTION = `
${PEOPLE.length} people register, and each is owed one SMS. Played twice, on a Postgres and a stand-in for
Mobizon that start here and leave nothing behind; no SMS leaves this machine.
Mobizon takes ${ANSWER_MS / 1_000} s for an answer, as in life. The clock is shortened, or this would take long:
"ten minutes later" is ${DELAY_MS / 1_000} s later, "every minute" is every ${SWEEP_EVERY_MS / 1_000} s. So the senders meet more often than they
did in a day; nothing else is made worse.
`;

const OLD_WAY = `1. The old way: three senders, a timer after each registration, a sweep every minute, and a
   recovery at every start. Each looks at sms_sent, sends, and only then writes sms_sent = true.`;

const ONCEBOX_WAY = `
2. With oncebox: the same registrations, and the same three triggers at the same moments. They can
   only ask for a send; the worker that gets the claim makes it.`;

/** Some 25 s are enough, 40 s on a busy machine. What takes longer hangs, and that is said instead of waited for. */
const TIME_LIMIT_MS = 110_000;

async function runDemo(signal: AbortSignal): Promise<boolean> {
  console.log(INTRODUCTION);
  // Nothing here is to outlive a crash of the machine.
  await using postgres = await startPostgres({ settings: { fsync: "off" } });
  signal.throwIfAborted();

  console.log(OLD_WAY);
  const old = await stage(postgres.url, "old_way", playOldWay, signal);
  console.log(ONCEBOX_WAY);
  const oncebox = await stage(postgres.url, "with_oncebox", playOnceboxWay, signal);

  const { isProof, sentence } = judge(old, oncebox);
  console.log(`\nBy the gateway's own ledger:\n${formatTable(old, oncebox)}\n${sentence}`);
  return isProof;
}

function report(error: unknown): void {
  if (stopping.signal.aborted) {
    console.error("\nStopped before the end: nothing is shown by this.");
  } else if (limit.aborted) {
    console.error(`\nNot done after ${TIME_LIMIT_MS / 1_000} s: nothing is shown by this.`);
  } else if (error instanceof OnceboxError) {
    console.error(`${error.code}: ${error.message}`);
    if (error.detail !== undefined) console.error(error.detail);
    console.error(error.hint);
  } else {
    console.error(error);
  }
}

const stopping = new AbortController();
const limit = AbortSignal.timeout(TIME_LIMIT_MS);
const signals = onStopSignal(() => stopping.abort());
try {
  process.exitCode = (await runDemo(AbortSignal.any([stopping.signal, limit]))) ? 0 : 1;
} catch (error) {
  process.exitCode = 1;
  report(error);
} finally {
  signals.dispose();
}
