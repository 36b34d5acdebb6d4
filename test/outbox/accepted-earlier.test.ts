import { sql } from "kysely";
import { describe, expect } from "vitest";
import { settle } from "../../src/outbox/settle.ts";
import { sweep } from "../../src/outbox/sweep.ts";
import { test } from "../support/fixture.ts";
import { makeNotification, outcomesOf, rowOf } from "../support/make.ts";

const ACCEPTED = { kind: "accepted", providerRef: "200", campaignId: "100" } as const;
const NO_HISTORY = { failures: 0, pauses: 0 };

describe("a notification whose last attempt is in doubt, and of which an earlier one was accepted", () => {
  for (const channel of ["sms", "email"] as const) {
    test(`is sent, by the earlier one's record: ${channel}`, async ({ db }) => {
      const id = await makeNotification(db, { state: "unknown", channel, attempt: 3 });
      await sql`update oncebox.attempt set outcome = 'swept', provider_ref = null where attempt = 1`.execute(
        db,
      );

      // Its worker had only lost its lock: what it was told comes late, and moves nothing by itself.
      await settle(db, { notificationId: id, attempt: 1 }, ACCEPTED, NO_HISTORY);
      const late = await rowOf(db, id);
      const swept = await sweep(db);

      expect(late).toMatchObject({ state: "unknown", flag: true });
      expect(swept).toContainEqual({ action: "sent", subject: id });
      expect(await rowOf(db, id)).toMatchObject({
        state: "sent",
        stateReason: null,
        flag: true,
        hasFlagTime: true,
      });
      expect(await outcomesOf(db, id)).toEqual(["accepted", "not_sent", "unknown"]);
      const { rows } = await sql`select provider_ref, look_up_at from oncebox.notification`.execute(
        db,
      );
      expect(rows).toEqual([{ provider_ref: "200", look_up_at: null }]);
      expect(await sweep(db)).not.toContainEqual(expect.objectContaining({ subject: id }));
    });
  }

  test("stays in doubt while no attempt of it is known to be accepted", async ({ db }) => {
    const id = await makeNotification(db, { state: "unknown", attempt: 2 });

    expect(await sweep(db)).toEqual([]);
    expect(await rowOf(db, id)).toMatchObject({ state: "unknown" });
  });
});
