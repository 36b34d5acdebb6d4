import { type Kysely, sql } from "kysely";
import { describe, expect } from "vitest";
import { createMobizonCall, type MobizonCall } from "../../src/channels/mobizon-call.ts";
import type { Gateways } from "../../src/sandbox/gateways.ts";
import { type Ended, oncebox } from "../db/support/oncebox.ts";
import { countStates, makeLeads, register } from "../support/leads.ts";
import { makeNotification, type Wanted } from "../support/make.ts";
import { test as base } from "../support/running.ts";
import { until } from "../support/until.ts";

interface Auditing {
  readonly audit: (args?: readonly string[], env?: Record<string, string>) => Promise<Ended>;
  /** Audits, and answers the differences without their words. */
  readonly differences: () => Promise<object[]>;
  readonly mobizon: Mobizon;
}

/** Somebody else with the account's key. */
interface Mobizon {
  /** Makes a campaign; answers with its id. */
  draft(name: string, recipients?: readonly string[]): Promise<string>;
  /** The same, and sends it off. */
  send(name: string, recipients?: readonly string[]): Promise<string>;
}

const test = base.extend<Auditing>({
  audit: async ({ databaseUrl, gateways }, use) => {
    const settings = {
      DATABASE_URL: databaseUrl,
      MOBIZON_API_URL: gateways.mobizonUrl,
      MOBIZON_API_KEY: gateways.mobizonApiKey,
    };
    await use((args = ["--json"], env = {}) =>
      oncebox(["audit", ...args], { ...settings, ...env }),
    );
  },
  differences: async ({ audit }, use) => {
    await use(async () => {
      const { exitCode, stdout, stderr } = await audit();
      expect(stderr).toMatch(/^(?:Mobizon: \d+ of \d+ .+\n)*$/);
      const { differences } = JSON.parse(stdout) as { differences: Record<string, unknown>[] };
      expect(exitCode).toBe(differences.length === 0 ? 0 : 1);
      return differences.map(({ kind, notificationId, state, campaignIds }) => ({
        kind,
        notificationId,
        state,
        campaignIds,
      }));
    });
  },
  mobizon: async ({ gateways }, use) => {
    await use(strangerAt(gateways));
  },
});

function strangerAt({ mobizonUrl, mobizonApiKey }: Gateways): Mobizon {
  const call = createMobizonCall({ apiUrl: mobizonUrl, apiKey: mobizonApiKey });
  const draft: Mobizon["draft"] = async (name, recipients = ["77771234567"]) => {
    const form = { "data[name]": name, "data[text]": "x", "data[type]": "2" };
    const id = `${await ask(call, "campaign/create", form)}`;
    const numbers = recipients.map((it, index) => [`recipients[${index}]`, it]);
    await ask(call, "campaign/addRecipients", { id, ...Object.fromEntries(numbers) });
    return id;
  };
  return {
    draft,
    async send(name, recipients) {
      const id = await draft(name, recipients);
      await ask(call, "campaign/send", { id });
      return id;
    },
  };
}

async function ask(call: MobizonCall, method: string, form: Record<string, string>) {
  const answer = await call(method, form, { signal: AbortSignal.timeout(10_000) });
  if (!answer.ok || answer.value.code !== 0)
    throw new Error(`${method}: ${JSON.stringify(answer)}`);
  return answer.value.data;
}

async function referenceOf(db: Kysely<unknown>, id: string): Promise<string> {
  const { rows } = await sql<{ reference: string }>`
    select oncebox.reference(${id}::bigint) as reference`.execute(db);
  return (rows[0] as { reference: string }).reference;
}

/** A notification that was sent by this campaign, as far as our record goes. */
async function makeSent(
  db: Kysely<unknown>,
  mobizon: Mobizon,
): Promise<[id: string, campaign: string]> {
  const id = await makeNotification(db, { state: "sent" });
  const campaign = await mobizon.send(await referenceOf(db, id));
  await keepCampaign(db, id, campaign);
  return [id, campaign];
}

async function keepCampaign(db: Kysely<unknown>, id: string, campaign: string): Promise<void> {
  await sql`
    update oncebox.notification set campaign_id = ${campaign}, message_id = '7' where id = ${id}::bigint`.execute(
    db,
  );
}

describe("oncebox audit finds no difference", () => {
  for (const mode of ["campaign", "message"]) {
    test(`in what a worker sent in ${mode} mode`, async ({ db, startWorker, audit }) => {
      await startWorker({ MOBIZON_SEND_MODE: mode });
      await register(db, makeLeads(3));
      await until("all are sent", async () => (await countStates(db)).sent === 6);

      const { exitCode, stdout, stderr } = await audit();

      expect([exitCode, stderr.replaceAll(/^Mobizon: .*\n/gm, "")]).toEqual([0, ""]);
      expect(JSON.parse(stdout)).toEqual({
        since: expect.any(String),
        sentHere: 3,
        sentThere: 3,
        differences: [],
      });
    });
  }

  test("in the campaigns of others, in drafts, and in what a worker is just sending", async ({
    db,
    mobizon,
    differences,
  }) => {
    await mobizon.send("oncebox-00000000-1");
    await mobizon.send("Акция");
    const held = await makeNotification(db, { state: "claimed" });
    await mobizon.send(await referenceOf(db, held));
    const pending = await makeNotification(db, { state: "pending" });
    await mobizon.draft(await referenceOf(db, pending));

    expect(await differences()).toEqual([]);
  });

  test("in what was sent before the time that is audited", async ({ db, audit }) => {
    const id = await makeNotification(db, { state: "sent" });
    await sql`update oncebox.notification set settled_at = now() - interval '25 hours' where id = ${id}::bigint`.execute(
      db,
    );

    expect((await audit(["--since", "24h"])).exitCode).toBe(0);
    expect((await audit(["--since", "2d"])).exitCode).toBe(1);
  });

  test("in a campaign that Mobizon's list does not show yet", async ({
    db,
    gateways,
    mobizon,
    differences,
  }) => {
    await makeSent(db, mobizon);
    await gateways.set({ listLagMs: 600_000 });

    expect(await differences()).toEqual([]);
  });
});

describe("oncebox audit finds an SMS that Mobizon sent", () => {
  test("for a notification that is not here", async ({ db, mobizon, differences }) => {
    const campaign = await mobizon.send(await referenceOf(db, "999999"));

    expect(await differences()).toEqual([
      {
        kind: "sent_there_unknown_here",
        notificationId: null,
        state: null,
        campaignIds: [campaign],
      },
    ]);
  });

  const states: readonly Wanted[] = [
    { state: "pending" },
    { state: "failed" },
    { state: "unknown" },
    { state: "cancelled" },
    { state: "claimed", leaseMs: -1_000 },
  ];
  for (const wanted of states) {
    test(`for one that is ${wanted.state} here`, async ({ db, mobizon, differences }) => {
      const notificationId = await makeNotification(db, wanted);
      const campaign = await mobizon.send(await referenceOf(db, notificationId));

      expect(await differences()).toEqual([
        {
          kind: "sent_there_unknown_here",
          notificationId,
          state: wanted.state,
          campaignIds: [campaign],
        },
      ]);
    });
  }
});

describe("oncebox audit finds an SMS that we have as sent", () => {
  test("and of whose campaign Mobizon knows nothing", async ({ db, differences }) => {
    const notificationId = await makeNotification(db, { state: "sent", draft: true });

    expect(await differences()).toEqual([
      { kind: "sent_here_unknown_there", notificationId, state: "sent", campaignIds: [] },
    ]);
  });

  test("without a campaign's id, and that is not on the list", async ({ db, differences }) => {
    const notificationId = await makeNotification(db, { state: "sent" });

    expect(await differences()).toEqual([
      { kind: "sent_here_unknown_there", notificationId, state: "sent", campaignIds: [] },
    ]);
  });

  test("and that is a draft, or another's campaign, there", async ({
    db,
    mobizon,
    differences,
  }) => {
    const draft = await makeNotification(db, { state: "sent" });
    const draftId = await mobizon.draft(await referenceOf(db, draft));
    await keepCampaign(db, draft, draftId);
    const foreign = await makeNotification(db, { state: "sent" });
    const foreignId = await mobizon.send("Акция");
    await keepCampaign(db, foreign, foreignId);

    expect(await differences()).toEqual([
      {
        kind: "sent_here_unknown_there",
        notificationId: draft,
        state: "sent",
        campaignIds: [draftId],
      },
      {
        kind: "sent_here_unknown_there",
        notificationId: foreign,
        state: "sent",
        campaignIds: [foreignId],
      },
    ]);
  });

  test("and that the moderator declined", async ({ db, gateways, mobizon, differences }) => {
    await gateways.set({ moderation: "decline", moderationMs: 0 });
    const [notificationId, campaign] = await makeSent(db, mobizon);

    // It shows as waiting until the moderator has looked.
    const found = await until("it was declined", async () => {
      const list = await differences();
      return list.length > 0 && list;
    });

    expect(found).toEqual([
      {
        kind: "sent_here_unknown_there",
        notificationId,
        state: "sent",
        campaignIds: [campaign],
      },
    ]);
  });
});

describe("oncebox audit finds two for one lead", () => {
  test("in two campaigns", async ({ db, mobizon, differences }) => {
    const [notificationId, first] = await makeSent(db, mobizon);
    const second = await mobizon.send(await referenceOf(db, notificationId));

    expect(await differences()).toEqual([
      {
        kind: "two_for_one_lead",
        notificationId,
        state: "sent",
        campaignIds: [first, second],
      },
    ]);
  });

  test("in one campaign with two messages", async ({ db, mobizon, differences }) => {
    const notificationId = await makeNotification(db, { state: "sent" });
    const campaign = await mobizon.send(await referenceOf(db, notificationId), [
      "77771234567",
      "77017654321",
    ]);
    await keepCampaign(db, notificationId, campaign);

    expect(await differences()).toEqual([
      { kind: "two_for_one_lead", notificationId, state: "sent", campaignIds: [campaign] },
    ]);
  });
});

describe("oncebox audit reads", () => {
  test("every page of the list, and goes on when it is told that it calls too often", async ({
    db,
    gateways,
    mobizon,
    audit,
  }) => {
    const [prefix] = (await referenceOf(db, "999")).split("999");
    const sent: string[] = [];
    for (let made = 0; made < 104; made += 8) {
      const some = Array.from({ length: 8 }, (_, index) =>
        mobizon.send(`${prefix}${made + index + 1}`),
      );
      sent.push(...(await Promise.all(some)));
    }
    await gateways.set({ callsPerSecond: 1, delayMs: 500 });

    const { stdout, stderr } = await audit();

    const { differences } = JSON.parse(stdout) as { differences: { campaignIds: string[] }[] };
    expect(differences.flatMap((it) => it.campaignIds).sort()).toEqual(sent.sort());
    expect(stderr).toMatch(/^(?:Mobizon: \d+ of 104 campaigns\n)+$/);
    const { counts } = await gateways.requests();
    expect(counts["campaign/list"]?.[0]).toBe(2);
    expect(counts["message/list"]?.[0]).toBe(3);
    expect(
      (counts["campaign/list"]?.[30] ?? 0) + (counts["message/list"]?.[30] ?? 0),
    ).toBeGreaterThan(0);
  });

  test("or says that it could not, and compares nothing then", async ({ audit }) => {
    const { exitCode, stdout, stderr } = await audit(["--json"], { MOBIZON_API_KEY: "canary" });

    expect([exitCode, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^ONCEBOX_PROVIDER_FAILED: .*mobizon_8: Login failed\n/);
    expect(stderr).not.toContain("canary");
  });
});

test("oncebox audit refuses a time from which notifications were pruned", async ({ db, audit }) => {
  await sql`update oncebox.setting set pruned_until = now() - interval '4 days'`.execute(db);

  const refused = await audit(["--since", "2d"]);

  expect(refused).toMatchObject({ exitCode: 2, stdout: "" });
  expect(refused.stderr).toMatch(
    /^ONCEBOX_INPUT_INVALID: --since reaches back to .* were pruned\n/,
  );
  expect((await audit(["--since", "24h"])).exitCode).toBe(0);
});

describe("oncebox audit says", () => {
  test("in a table what differs, what it means and what to do, and nobody's number", async ({
    db,
    mobizon,
    audit,
  }) => {
    const id = await makeNotification(db, { state: "failed" });
    await mobizon.send(await referenceOf(db, id));

    const { exitCode, stdout } = await audit([]);

    expect(exitCode).toBe(1);
    expect(stdout).toContain("0 SMS sent since");
    expect(stdout).toContain("sent there unknown here");
    expect(stdout).toContain(`notifications show ${id}`);
    expect(stdout).toMatch(/\n1 difference\n$/);
    expect(stdout).not.toContain("1234567");
  });

  test("that nothing differs", async ({ audit }) => {
    const { exitCode, stdout } = await audit([]);

    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/\nno difference\n$/);
  });

  test("what it wants, with exit 2", async ({ audit }) => {
    const time = await audit(["--since", "yesterday"]);
    const key = await audit([], { MOBIZON_API_KEY: "" });

    expect([time.exitCode, key.exitCode]).toEqual([2, 2]);
    expect(time.stderr).toContain("wanted an interval such as 90m, 24h or 7d, at most 366 days.");
    expect(key.stderr).toMatch(/^ONCEBOX_CONFIG_INVALID: MOBIZON_API_KEY is not set\n/);
  });
});
