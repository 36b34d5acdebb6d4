/**
 * Writes sql/phone_plan.sql, the mobile numbers of every country, from the metadata of
 * libphonenumber-js. Run it after an update of that package and commit what changed:
 *
 *   node scripts/phone-plan.ts [file]
 *
 * The rules that use the table are SQL only (`oncebox.parse_phone`), so the package
 * stays a development dependency and any language that registers a lead gets the same answer.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import type { CountryCode } from "libphonenumber-js";
import metadata from "libphonenumber-js/max/metadata";

// Where things stand in a minified numbering plan (libphonenumber-js, source/metadata.js).
const CALLING_CODE = 0;
const TRUNK_PREFIX = 5;
const TYPES = 11;
const FIXED_LINE = 0;
const MOBILE = 1;
const METADATA_VERSION = 4;

/** Digits, classes of digits, alternatives, groups and counts: JavaScript and PostgreSQL agree. */
const READ_ALIKE = /^(?:\d|\\d|\[[\d-]+\]|\(\?:|\)|\||\?|\{\d+(?:,\d+)?\})+$/;

const target = argv[2] ?? fileURLToPath(new URL("../sql/phone_plan.sql", import.meta.url));

interface PlanRow {
  readonly callingCode: string;
  readonly country: string;
  readonly trunkPrefix: string;
  readonly mobilePattern: string;
}

function planRow(country: CountryCode): PlanRow {
  const plan = metadata.countries[country] ?? [];
  const callingCode = String(plan[CALLING_CODE]);
  const trunkPrefix = plan[TRUNK_PREFIX] ? String(plan[TRUNK_PREFIX]) : "";
  const fixedLine = plan[TYPES]?.[FIXED_LINE]?.[0];
  // No mobile pattern of its own: the country does not tell mobile numbers from fixed lines
  // (the US), so every number of either kind may be able to receive an SMS.
  const mobile = plan[TYPES]?.[MOBILE]?.[0] || fixedLine;

  if (!/^[1-9]\d{0,2}$/.test(callingCode)) throw new Error(`${country}: no calling code`);
  if (!/^\d*$/.test(trunkPrefix)) throw new Error(`${country}: trunk prefix ${trunkPrefix}`);
  if (!mobile) throw new Error(`${country}: no pattern`);
  if (!READ_ALIKE.test(mobile)) {
    throw new Error(`${country}: PostgreSQL may read this pattern differently: ${mobile}`);
  }

  return { callingCode, country, trunkPrefix, mobilePattern: `^(?:${mobile})$` };
}

function compare(a: PlanRow, b: PlanRow): number {
  const [left, right] = [a, b].map((it) => `${it.callingCode.padEnd(3)} ${it.country}`);
  return (left ?? "") < (right ?? "") ? -1 : 1;
}

function libraryVersion(): string {
  const file = fileURLToPath(import.meta.resolve("libphonenumber-js/package.json"));
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

if (metadata.version !== METADATA_VERSION) {
  throw new Error(`expected metadata of version ${METADATA_VERSION}, got ${metadata.version}`);
}

const rows = (Object.keys(metadata.countries) as CountryCode[]).map(planRow).sort(compare);
const values = rows.map(
  (it) => `  ('${it.callingCode}', '${it.country}', '${it.trunkPrefix}', '${it.mobilePattern}')`,
);

writeFileSync(
  target,
  `-- The mobile numbers of ${rows.length} countries and territories, for oncebox.parse_phone.
--
-- Made by  node scripts/phone-plan.ts, from libphonenumber-js ${libraryVersion()}. Do not edit.
-- Pattern  the whole number after the calling code. Where a country does not tell mobile
--          numbers from fixed lines (the US), both. trunk_prefix is what people dial before
--          it at home, and often write after the calling code too: "+44 (0) 7400 123456".
-- Leaves   accepted as the operator set it. A country that is new here starts accepted.
-- Not here numbers that belong to no country: satellite phones (+870, +881), machines
--          (+882, +883), toll-free and premium services. parse_phone refuses them.
with plan (calling_code, country, trunk_prefix, mobile_pattern) as (
values
${values.join(",\n")}
), gone as (
  delete from oncebox.phone_plan as old
   where not exists (
           select
             from plan
            where plan.calling_code = old.calling_code
              and plan.country      = old.country
         )
)
insert into oncebox.phone_plan as old (calling_code, country, trunk_prefix, mobile_pattern)
select plan.calling_code,
       plan.country,
       plan.trunk_prefix,
       plan.mobile_pattern
  from plan
-- Unchanged rows are not written: every migrate runs this file.
on conflict (calling_code, country) do update
   set trunk_prefix   = excluded.trunk_prefix,
       mobile_pattern = excluded.mobile_pattern
 where (old.trunk_prefix, old.mobile_pattern)
       is distinct from (excluded.trunk_prefix, excluded.mobile_pattern);

-- Without statistics the planner expects eight times the rows, and compiles the query (JIT).
analyze oncebox.phone_plan;
`,
);

console.log(`${rows.length} countries written`);
