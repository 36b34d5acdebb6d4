-- oncebox.erased_key(source, idempotency_key) -> what stands in the key's place once its person is erased
--
-- A hash with a secret of this database: the same key is still recognised, and nobody reads it back.
create or replace function oncebox.erased_key(source text, idempotency_key text)
returns text
language sql
stable
as $$
  select 'erased:' || encode(sha256(convert_to(
           format('%s %s %s %s', s.secret, length(source), source, idempotency_key), 'UTF8')), 'hex')
    from oncebox.erasure_secret as s;
$$;
