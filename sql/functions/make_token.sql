-- oncebox.make_token(name, hash, scopes, source, expires_at, actor) -> nothing
--
-- Makes a key to the HTTP API; audited. hash is the SHA-256 of a secret of at least 256 random bits,
-- which this database never sees.
--
-- Refuses  OB006 there is a token of that name, also a revoked one: the audit speaks of tokens by name.
create or replace function oncebox.make_token(
  name       text,
  hash       bytea,
  scopes     text[],
  source     text,
  expires_at timestamptz,
  actor      text
) returns void
language plpgsql
as $$
begin
  insert into oncebox.token as t (name, hash, scopes, source, expires_at, created_by)
  values (make_token.name, make_token.hash, make_token.scopes, make_token.source, make_token.expires_at, make_token.actor)
  on conflict on constraint token_name_once do nothing;
  if not found then
    raise exception using
      errcode = 'OB006',
      message = format('there is a token %s already, or was one', to_json(make_token.name)),
      hint    = 'Choose another name, such as one with the year in it.';
  end if;
  perform oncebox.note_act(actor, 'make_token', make_token.name, array_to_string(make_token.scopes, ', '));
end
$$;
