-- 0005_dba: takes the mark of the last sweep away, and what kept rows from others than their owner.
--
-- Locks    ACCESS EXCLUSIVE on six of oncebox's own tables, each for a moment.
-- Refuses  nothing: a mark five seconds old is no loss. By Postgres itself, while anything that is
--          not ours depends on one of the views.

-- No cascade: a view that somebody built on these is not ours to drop.
drop view if exists oncebox.health, oncebox.workers, oncebox.claims, oncebox.lead_history,
  oncebox.sends_per_hour, oncebox.sends_per_day, oncebox.sms_cost, oncebox.jobs, oncebox.broken_rules;
drop table oncebox.last_sweep;
alter table oncebox.registration disable row level security;
alter table oncebox.notification disable row level security;
alter table oncebox.attempt      disable row level security;
alter table oncebox.lookup       disable row level security;
alter table oncebox.audit        disable row level security;
