import { describe, expect, test } from "vitest";
import type { SendOutcome, Trouble } from "../../src/outbox/outcome.ts";
import { decide, RETRY_DELAYS_MS } from "../../src/outbox/policy.ts";

const FIRST = { failures: 0, pauses: 0 };
const notSent = (more: object = {}): SendOutcome => ({
  kind: "not_sent",
  code: "x",
  detail: "",
  ...more,
});

describe("decide", () => {
  test("ends an accepted message as sent", () => {
    expect(decide({ kind: "accepted", providerRef: "1" }, FIRST)).toMatchObject({
      state: "sent",
      pauseMs: null,
    });
  });

  test("ends a refused message as failed, for good", () => {
    expect(decide({ kind: "rejected", code: "x", detail: "" }, FIRST)).toMatchObject({
      state: "failed",
    });
  });

  test("never sends an unknown one again by itself", () => {
    expect(decide({ kind: "unknown", code: "x", detail: "" }, FIRST)).toMatchObject({
      state: "unknown",
      retryInMs: null,
    });
  });

  test("waits longer after every try that failed, then gives up", () => {
    const waits = RETRY_DELAYS_MS.map(
      (_, failures) => decide(notSent(), { failures, pauses: 0 }).retryInMs,
    );
    const last = decide(notSent(), { failures: RETRY_DELAYS_MS.length, pauses: 0 });

    expect(waits).toEqual([...RETRY_DELAYS_MS]);
    expect(last).toMatchObject({ state: "failed" });
  });

  test("waits at least as long as the provider asked for", () => {
    expect(decide(notSent({ retryAfterMs: 99_000 }), FIRST).retryInMs).toBe(99_000);
    expect(decide(notSent({ trouble: "throttle", retryAfterMs: 99_000 }), FIRST).pauseMs).toBe(
      99_000,
    );
  });

  for (const trouble of [
    "throttle",
    "outage",
    "setup",
    "balance",
  ] as const satisfies readonly Trouble[]) {
    test(`pauses the channel for ${trouble}, uses up no try, and doubles the pause up to a limit`, () => {
      const pauses = [0, 1, 2, 30].map((it) =>
        decide(notSent({ trouble }), { failures: 99, pauses: it }),
      );

      for (const it of pauses) expect(it).toMatchObject({ state: "pending", counts: false });
      const [first, second, third, most] = pauses.map((it) => it.pauseMs ?? 0) as [
        number,
        number,
        number,
        number,
      ];
      expect([second, third]).toEqual([first * 2, first * 4]);
      expect(most).toBeLessThanOrEqual(900_000);
    });
  }

  test("pauses the channel for an unknown outcome of a provider in trouble, too", () => {
    const outcome: SendOutcome = {
      kind: "unknown",
      code: "http_502",
      detail: "",
      trouble: "outage",
    };

    expect(decide(outcome, FIRST)).toMatchObject({ state: "unknown", pauseMs: 2_000 });
  });
});
