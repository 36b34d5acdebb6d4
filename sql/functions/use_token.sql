-- oncebox.use_token(hash) -> the token, if it is good: one row or none
--
-- Marks  last_used_at, once a minute.
create or replace function oncebox.use_token(hash bytea)
returns table (
  name   text,
  scopes text[],
  source text
)
language plpgsql
as $$
#variable_conflict use_column
begin
  update oncebox.token as t
     set last_used_at = clock_timestamp()
   where t.hash = use_token.hash
     and t.revoked_at is null
     and coalesce(t.last_used_at, '-infinity') < clock_timestamp() - interval '1 minute';
  return query
  select t.name, t.scopes, t.source
    from oncebox.token as t
   where t.hash = use_token.hash
     and t.revoked_at is null
     and coalesce(t.expires_at, 'infinity') > clock_timestamp();
end
$$;
