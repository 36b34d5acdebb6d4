import { sql } from "kysely";
import { SegmentedMessage } from "sms-segments-calculator";
import { describe, expect } from "vitest";
import { test } from "../support/fixture.ts";
import { claimAs, makeNotification } from "../support/make.ts";

/** A generator of its own, so that a text that fails can be made again. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const GSM = [..."@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./09:;<=>?¡AZÄÖÑÜ§¿azäöñüà"];
const GSM_TWICE = [..."^{}\\[~]|€\f"];
const CYRILLIC = [..."абвгдежзийклмнопрстуфхцчшщъыьэюяАӘҒҚҢӨҰҮҺІәғқңөұүһі"];
const EMOJI = [..."😀🎉💡🚀"];
const OTHERS = ["`", "ç", "—", "№", "«", "»", "中", "\t"];

/** Around every length at which a part begins, and some in between. */
const LENGTHS = [
  1, 2, 35, 66, 67, 68, 69, 70, 71, 72, 79, 80, 81, 133, 134, 135, 152, 153, 154,
].concat([159, 160, 161, 162, 200, 201, 202, 305, 306, 307, 308, 458, 459, 460, 900, 1_000]);

function texts(): string[] {
  const next = numbers(46);
  const alphabets: readonly (readonly (readonly string[])[])[] = [
    ...[[GSM], [GSM_TWICE], [GSM, GSM_TWICE], [GSM, GSM, GSM, GSM, GSM_TWICE]],
    ...[[CYRILLIC], [CYRILLIC, GSM], [CYRILLIC, GSM, GSM_TWICE], [EMOJI], [CYRILLIC, EMOJI]],
    ...[
      [GSM, EMOJI],
      [GSM, OTHERS],
      [GSM, GSM_TWICE, CYRILLIC, EMOJI, OTHERS],
    ],
  ];
  return alphabets.flatMap((alphabet) =>
    LENGTHS.map((length) =>
      Array.from({ length }, () => {
        const characters = alphabet[next(alphabet.length)] ?? GSM;
        return characters[next(characters.length)];
      }).join(""),
    ),
  );
}

describe("oncebox.sms_segments", () => {
  test("counts as the library does, at every boundary and in every alphabet", async ({ db }) => {
    const bodies = texts();

    const { rows } = await sql<{ segments: number }>`
      select oncebox.sms_segments(b.body) as segments
        from unnest(${bodies}::text[]) with ordinality as b (body, place)
       order by b.place`.execute(db);

    const differ = bodies
      .map((body, index) => ({
        body,
        ours: rows[index]?.segments,
        library: new SegmentedMessage(body).segmentsCount,
      }))
      .filter((it) => it.ours !== it.library);
    expect(bodies.length).toBeGreaterThan(400);
    expect(differ).toEqual([]);
  });

  test("moves what counts twice to the next part as a whole, as the provider does", async ({
    db,
  }) => {
    const cases: readonly [body: string, segments: number][] = [
      // 152 + 2 in the first, so the euro moves, and the second has 2 + 151.
      [`${"a".repeat(152)}€${"a".repeat(151)}`, 2],
      [`${"a".repeat(152)}€${"a".repeat(152)}`, 3],
      [`${"я".repeat(66)}😀${"я".repeat(65)}`, 2],
      [`${"я".repeat(66)}😀${"я".repeat(66)}`, 3],
    ];
    for (const [body, segments] of cases) {
      const { rows } = await sql`select oncebox.sms_segments(${body}) as segments`.execute(db);
      expect(rows).toEqual([{ segments }]);
      expect(new SegmentedMessage(body).segmentsCount).toBe(segments);
    }
  });

  // The library keeps joined emoji on one part; the standard knows nothing of them, and nor do we.
  test("is at most a part off where one sign is made of many characters", async ({ db }) => {
    const family = "👨‍👩‍👧‍👦";
    for (let count = 1; count <= 40; count++) {
      const body = family.repeat(count);
      const { rows } = await sql<{ segments: number }>`
        select oncebox.sms_segments(${body}) as segments`.execute(db);
      const { segmentsCount } = new SegmentedMessage(body);
      expect(rows[0]?.segments).toBeLessThanOrEqual(segmentsCount);
      expect(rows[0]?.segments).toBeGreaterThanOrEqual(Math.ceil((count * 11) / 70));
    }
  });

  test("is written down by the claim, of an SMS and of no email", async ({ db }) => {
    const sms = await makeNotification(db, { body: "я".repeat(71) });
    const email = await makeNotification(db, { channel: "email" });
    await claimAs(db, sms);
    await claimAs(db, email);

    const { rows } = await sql`
      select channel, segments, cost from oncebox.notifications order by id`.execute(db);
    expect(rows).toEqual([
      { channel: "sms", segments: 2, cost: null },
      { channel: "email", segments: null, cost: null },
    ]);
  });
});
