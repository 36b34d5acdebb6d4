-- oncebox.use_session(hash) -> the hash of the token it was opened with, or null when it is over
--
-- Marks  seen_at, once a minute: a session is over 30 minutes after that, or 12 hours after it began.
create or replace function oncebox.use_session(hash bytea)
returns bytea
language plpgsql
as $$
declare
  v_token_hash bytea;
begin
  select s.token_hash
    into v_token_hash
    from oncebox.session as s
   where s.hash = use_session.hash
     and s.seen_at > clock_timestamp() - interval '30 minutes'
     and s.created_at > clock_timestamp() - interval '12 hours';
  if found then
    update oncebox.session as s
       set seen_at = clock_timestamp()
     where s.hash = use_session.hash
       and s.seen_at < clock_timestamp() - interval '1 minute';
  end if;
  return v_token_hash;
end
$$;
