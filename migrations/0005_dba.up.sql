-- 0005_dba: when the last sweep was, and rows of people's data that only their owner reads.
--
-- Locks    ACCESS EXCLUSIVE on five of oncebox's own tables, each for a moment: nothing is rewritten
--          or scanned. The table is new.
-- Workers  of an older release keep working; their sweeps leave no mark.

-- A table of its own, and not a column of oncebox.setting: every registration reads that row, and
-- while a long transaction is open it would drag along a version for every mark.
create table oncebox.last_sweep (
  only_row boolean     primary key default true,
  at       timestamptz,
  constraint last_sweep_one_row check (only_row)
);
insert into oncebox.last_sweep default values;
comment on table oncebox.last_sweep is 'One row: a worker that sweeps leaves its mark here, every five seconds at most.';
comment on column oncebox.last_sweep.only_row is 'Always true: there is one row.';
comment on column oncebox.last_sweep.at is 'When a sweep last began; null = none did yet.';

-- Without a policy: their owner reads them, and whoever is granted a table by mistake sees no row.
alter table oncebox.registration enable row level security;
alter table oncebox.notification enable row level security;
alter table oncebox.attempt      enable row level security;
alter table oncebox.lookup       enable row level security;
alter table oncebox.audit        enable row level security;
