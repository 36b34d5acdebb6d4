-- oncebox.standing_key(source, idempotency_key) -> the key by which a registration would be found
--
-- The key itself; or what stands in its place, where the registration's person was erased.
create or replace function oncebox.standing_key(source text, idempotency_key text)
returns text
language sql
stable
as $$
  select case
           -- Hardly ever anybody was: then no hash is made.
           when exists (select from oncebox.registration as e where e.erased_at is not null) then
             coalesce((select r.idempotency_key
                         from oncebox.registration as r
                        where r.source = standing_key.source
                          and r.idempotency_key = oncebox.erased_key(standing_key.source, standing_key.idempotency_key)),
                      standing_key.idempotency_key)
           else standing_key.idempotency_key
         end;
$$;
