-- oncebox.check_session(hash) -> whether the session is not over yet
--
-- For a page that only watches: unlike oncebox.use_session it keeps no session alive.
create or replace function oncebox.check_session(hash bytea)
returns boolean
language sql
stable
as $$
  select exists (
    select
      from oncebox.session as s
     where s.hash = check_session.hash
       and s.seen_at > clock_timestamp() - interval '30 minutes'
       and s.created_at > clock_timestamp() - interval '12 hours');
$$;
