-- oncebox.open_session(hash, token_hash, actor) -> nothing
--
-- Signs somebody in to the dashboard; audited. Those that are over are cleared away.
create or replace function oncebox.open_session(hash bytea, token_hash bytea, actor text)
returns void
language sql
as $$
  delete from oncebox.session as s
   where s.seen_at < clock_timestamp() - interval '30 minutes'
      or s.created_at < clock_timestamp() - interval '12 hours';
  insert into oncebox.session (hash, token_hash)
  values (open_session.hash, open_session.token_hash);
  select oncebox.note_act(open_session.actor, 'sign_in', open_session.actor, 'dashboard');
$$;
