import { describe, expect } from "vitest";
import { test } from "../support/fixture.ts";

type Case = readonly [raw: string | null, masked: string | null];

const PHONES: readonly Case[] = [
  ["+77771234567", "+7777•••••67"],
  ["+998901234567", "+9989•••••67"],
  ["+29022222", "+29•••••2"],
  ["87771234567", "••• (11 characters)"],
  ["+7 777 123 45 67", "••• (16 characters)"],
  ["+77771234567\n", "••• (13 characters)"],
  ["\u001b]52;c;x\u0007", "••• (9 characters)"],
  ["", "••• (0 characters)"],
  [null, null],
];

const EMAILS: readonly Case[] = [
  ["name@example.kz", "n•••@example.kz"],
  ["a@x.test", "a•••@x.test"],
  ["not an address", "••• (14 characters)"],
  ["a@x.test, evil@y.test", "••• (21 characters)"],
  ["a@x.test\r\nBcc: evil@y.test", "••• (26 characters)"],
  ["айгерим@почта.рф", "••• (16 characters)"],
  [`${"a".repeat(300)}@x.kz`, "••• (305 characters)"],
  ["", "••• (0 characters)"],
  [null, null],
];

const NAMES: readonly Case[] = [
  ["Айгерим Ахметова", "А•••"],
  ["Әсел", "Ә•••"],
  ["John", "J•••"],
  ["87771234567", "•••"],
  ["<script>", "•••"],
  ["\u202eabc", "•••"],
  ["\u001b[31m", "•••"],
  ["", "•••"],
  [null, null],
];

for (const [name, cases] of [
  ["mask_phone", PHONES],
  ["mask_email", EMAILS],
  ["mask_name", NAMES],
] as const) {
  describe(name, () => {
    test("shows as little as tells two apart, and nothing of what it does not know", async ({
      pool,
    }) => {
      const masked = await Promise.all(
        cases.map(async ([raw]) => {
          const { rows } = await pool.query<{ it: string }>(`select oncebox.${name}($1) as it`, [
            raw,
          ]);
          return [raw, rows[0]?.it];
        }),
      );

      expect(masked).toEqual(cases);
    });
  });
}
