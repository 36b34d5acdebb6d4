-- oncebox.mask_email(email) -> the address for logs, errors and views: n•••@example.kz
--
-- What is not an address may be anything a person typed, so only its length is shown.
create or replace function oncebox.mask_email(email text)
returns text
language sql
immutable
parallel safe
as $$
  select case
           when email is null then null
           when octet_length(email) <= 254 and email ~ '^[A-Za-z0-9!#$%&''*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+$' then
             left(email, 1) || '•••' || substr(email, strpos(email, '@'))
           else format('••• (%s characters)', length(email))
         end;
$$;
