-- oncebox.tokens: every key to the HTTP API, without what it is recognised by.
create or replace view oncebox.tokens as
select t.name,
       t.scopes,
       t.source,
       t.created_at,
       t.created_by,
       t.expires_at,
       t.revoked_at,
       t.last_used_at,
       t.revoked_at is null and coalesce(t.expires_at, 'infinity') > now() as is_good
  from oncebox.token as t;
comment on view oncebox.tokens is 'Every token that was ever made, without its hash. No person''s data.';
comment on column oncebox.tokens.name is 'Of the program or person that holds it.';
comment on column oncebox.tokens.created_by is 'Who made it, as they said.';
comment on column oncebox.tokens.scopes is 'write: register leads; read: look, masked; operate: act and reveal; admin: change texts, open channels.';
comment on column oncebox.tokens.source is 'Of every lead that is registered with it.';
comment on column oncebox.tokens.expires_at is 'Not good after; null = until it is revoked.';
comment on column oncebox.tokens.revoked_at is 'Not good since.';
comment on column oncebox.tokens.last_used_at is 'To a minute; null = never.';
comment on column oncebox.tokens.is_good is 'Neither revoked nor expired.';
