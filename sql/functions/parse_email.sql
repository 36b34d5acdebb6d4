-- oncebox.parse_email(raw) -> one row: the address, or the problem
--
-- The only place that decides what an email address is; email is null exactly when problem is
-- not. It is inlined, so call it for many rows in one statement:
--
--   select lead.id, m.email, m.problem
--     from lead cross join lateral oncebox.parse_email(lead.email) as m;
--
-- Takes    one dot-atom@domain of at most 254 characters, 64 before the @. Spaces around it
--          are dropped, the domain is lower-cased, the part before the @ is kept as it is.
--          Far less than RFC 5322 allows, on purpose: a comma, a quote, a group or a newline
--          is how a mail program is made to send to somebody else.
-- Problem  empty            null, or nothing but spaces
--          too_long         for one of the limits above
--          two_addresses    more than one @; one lead gets one email
--          no_at            no @
--          bad_characters   not ASCII, a space or newline inside, or any of , ; : " < > ( ) [ ] \
--          bad_local_part   before the @: empty, or a dot at an end or beside another
--          bad_domain       after it: fewer than two labels, one of them wrong, an IP address
create or replace function oncebox.parse_email(raw text)
returns table (
  email   text,
  problem text
)
language sql
immutable
parallel safe
rows 1
as $$
  -- offset 0 keeps the steps apart; without it the work of a step is done again at every place
  -- that names its result. Collation C: lower() and classes are ASCII in every database.
  with given as (
    select raw as text
    offset 0
  ), typed as (
    -- The length is asked first, so that a megabyte costs nothing.
    select case
             when g.text is null then ''
             when octet_length(g.text) <= 1024 then btrim(g.text, ' ') collate "C"
           end as entry
      from given as g
    offset 0
  ), split as (
    select t.entry,
           left(t.entry, strpos(t.entry, '@') - 1)                                        as local_part,
           case when t.entry like '%@%' then lower(substr(t.entry, strpos(t.entry, '@') + 1)) end as domain
      from typed as t
    offset 0
  ), judged as (
    select s.*,
           case
             when s.entry is null then 'too_long'
             when s.entry = '' then 'empty'
             when length(s.entry) > 254 then 'too_long'
             when s.domain is null then 'no_at'
             when s.domain like '%@%' then 'two_addresses'
             when s.entry !~ '^[A-Za-z0-9!#$%&''*+/=?^_`{|}~.@-]+$' then 'bad_characters'
             when length(s.local_part) > 64 then 'too_long'
             when s.local_part !~ '^[^.]+(\.[^.]+)*$' then 'bad_local_part'
             -- Labels of letters, digits and inner hyphens, at most 63 each; the last one of
             -- letters, or an encoded international one.
             when s.domain !~ '^([a-z0-9]+(-+[a-z0-9]+)*\.)+([a-z]{2,}|xn--[a-z0-9]+(-+[a-z0-9]+)*)$'
               or s.domain ~ '[^.]{64}' then 'bad_domain'
           end as problem
      from split as s
    offset 0
  )
  select case when j.problem is null then j.local_part || '@' || j.domain end,
         j.problem
    from judged as j;
$$;
