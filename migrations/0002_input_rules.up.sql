-- 0002_input_rules: the numbering plan that decides which phone numbers can get an SMS.
--
-- Locks    none that matter; the table is new.
-- Workers  keep working: they do not read it.
--
-- The rows come from sql/phone_plan.sql, which every migrate runs again.
create table oncebox.phone_plan (
  -- In C as parse_phone works: in another collation it could not use the index.
  calling_code   text collate "C" not null,
  country        text collate "C" not null,
  trunk_prefix   text collate "C" not null default '',
  mobile_pattern text collate "C" not null,
  accepted       boolean          not null default true,
  primary key (calling_code, country),
  constraint phone_plan_calling_code_is_digits check (calling_code ~ '^[1-9][0-9]{0,2}$'),
  constraint phone_plan_country_is_two_letters check (country ~ '^[A-Z]{2}$'),
  constraint phone_plan_trunk_prefix_is_digits check (trunk_prefix ~ '^[0-9]{0,2}$'),
  -- A pattern that is not anchored would take any text that has a good number in it.
  constraint phone_plan_mobile_pattern_is_anchored check (mobile_pattern like '^(?:%)$')
)
-- Rows far apart. On the five pages they would fill, the planner reads all 245 rows for each
-- number rather than two by the index: 560 ms instead of 70 for 10,000 numbers (PostgreSQL 15
-- and 18, explain analyze of one select over parse_phone).
with (fillfactor = 10);

comment on table oncebox.phone_plan is
  'Which numbers of which country can get an SMS. Made by sql/phone_plan.sql; only accepted is yours to change.';
comment on column oncebox.phone_plan.trunk_prefix is
  'What is dialled before a number at home (8 in Kazakhstan); forgiven after the calling code.';
comment on column oncebox.phone_plan.mobile_pattern is
  'The whole number after the calling code; fixed lines too where a country does not tell them apart.';
comment on column oncebox.phone_plan.accepted is
  'false: leads with numbers of this country are refused (against SMS pumping).';
