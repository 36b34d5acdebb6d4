-- oncebox.revoke_token(name, actor, reason) -> nothing
--
-- Ends a token, and every session that was opened with it; audited. Safe to call again.
--
-- Refuses  OB005 there is none of that name.
create or replace function oncebox.revoke_token(name text, actor text, reason text)
returns void
language plpgsql
as $$
begin
  update oncebox.token as t
     set revoked_at = clock_timestamp()
   where t.name = revoke_token.name
     and t.revoked_at is null;
  if found then
    perform oncebox.note_act(actor, 'revoke_token', revoke_token.name, reason);
  elsif not exists (select from oncebox.token as t where t.name = revoke_token.name) then
    raise exception using
      errcode = 'OB005',
      message = format('there is no token %s', to_json(revoke_token.name)),
      hint    = 'Look it up with oncebox tokens list.';
  end if;
end
$$;
