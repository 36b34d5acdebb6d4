-- oncebox.close_session(hash) -> nothing
--
-- Signs somebody out of the dashboard. Safe to call again.
create or replace function oncebox.close_session(hash bytea)
returns void
language sql
as $$
  delete from oncebox.session as s where s.hash = close_session.hash;
$$;
