/**
 * What do spans cost where no OpenTelemetry SDK is set up?
 *
 *   node bench/no-tracing.ts     a million spans around an async function that does nothing
 *
 * Prints what one call takes with a span around it and without, in microseconds; a send has four spans.
 */
import { inSpan, traceparentOf } from "../src/trace.ts";

const CALLS = 1_000_000;
const settings = { attributes: { "oncebox.records": 1 } };

async function nothing(): Promise<null> {
  return null;
}

async function perCall(work: () => Promise<unknown>): Promise<number> {
  // Twice: the first time it is compiled.
  for (let call = 0; call < CALLS; call++) await work();
  const startedAt = performance.now();
  for (let call = 0; call < CALLS; call++) await work();
  return ((performance.now() - startedAt) * 1_000) / CALLS;
}

const bare = await perCall(nothing);
const spanned = await perCall(() =>
  inSpan("oncebox.register", settings, async (span) => traceparentOf(span)),
);
console.log(`without ${bare.toFixed(2)} µs, with a span ${spanned.toFixed(2)} µs`);
