-- Where it is noted which migrations were applied; the first thing that every migrate runs.
create schema if not exists oncebox;
create table if not exists oncebox.migration (
  name      varchar(255) primary key,
  -- ISO 8601, in UTC.
  timestamp varchar(255) not null
);
comment on table oncebox.migration is 'Which migrations were applied, and when; written by oncebox migrate.';
