-- oncebox.ring() -> nothing
--
-- Makes every worker look for jobs when this transaction has committed, as graphile-worker's own
-- insert does.
create or replace function oncebox.ring()
returns void
language sql
as $$
  select pg_notify('jobs:insert', json_build_object('r', random(), 'count', 1)::text);
$$;
