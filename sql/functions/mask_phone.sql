-- oncebox.mask_phone(phone) -> the number for logs, errors and views: +7777•••••67
--
-- What is not a number in E.164 may be anything a person typed, so only its length is shown.
create or replace function oncebox.mask_phone(phone text)
returns text
language sql
immutable
parallel safe
as $$
  select case
           when phone is null then null
           when octet_length(phone) <= 16 and phone ~ '^\+[1-9][0-9]{9,14}$' then
             left(phone, 5) || '•••••' || right(phone, 2)
           when octet_length(phone) <= 16 and phone ~ '^\+[1-9][0-9]{4,8}$' then
             left(phone, 3) || '•••••' || right(phone, 1)
           else format('••• (%s characters)', length(phone))
         end;
$$;
