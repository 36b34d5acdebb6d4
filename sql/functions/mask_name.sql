-- oncebox.mask_name(name) -> the name for logs, errors and views: А•••
--
-- The first character is shown only if it is a letter of a common alphabet; anything else may
-- be half of an address or a character that acts on a terminal.
create or replace function oncebox.mask_name(name text)
returns text
language sql
immutable
parallel safe
as $$
  select case
           when name is null then null
           when name ~ '^[A-Za-z\u00C0-\u024F\u0400-\u0481\u048A-\u052F\u0620-\u064A]' then left(name, 1) || '•••'
           else '•••'
         end;
$$;
