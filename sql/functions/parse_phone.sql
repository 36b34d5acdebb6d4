-- oncebox.parse_phone(raw) -> one row: the number in E.164 with "+", or the problem
--
-- The only place that decides what a phone number is; phone is null exactly when problem is
-- not. It is inlined, so call it for many rows in one statement:
--
--   select lead.id, p.phone, p.problem
--     from lead cross join lateral oncebox.parse_phone(lead.phone) as p;
--
-- Takes    ASCII digits, with spaces (no-break too) - ( ) . among them and one + in front; at
--          most 32 characters in all. Without a + it is a number of Kazakhstan or Russia or
--          none: ten digits after 8 or 7, or ten that start with 7. All else needs its +:
--          guessing would send to a stranger in another country.
-- Problem  empty                 null, or nothing but spaces
--          too_short, too_long   32 characters are the limit before anything else is looked at
--          two_numbers           a list; one lead gets one SMS
--          extension             no SMS reaches one
--          bad_characters        letters, digits of other scripts, invisible marks, an inner +
--          unknown_country       no country in oncebox.phone_plan has it, or its + is missing
--          not_mobile            no country that shares the calling code can send it an SMS
--          country_not_accepted  only countries that the operator refuses could have it
create or replace function oncebox.parse_phone(raw text)
returns table (
  phone   text,
  problem text
)
language sql
stable
parallel safe
rows 1
as $$
  -- offset 0 keeps the steps apart. Without it the planner merges them, and the work of a step
  -- is done again at every place that names its result.
  with given as (
    select raw as text
    offset 0
  ), typed as (
    -- The length is asked first, so that a megabyte costs nothing. From here on all is in
    -- collation C: its classes and comparisons are ASCII in every database.
    select g.text as given,
           case
             when g.text is null then ''
             when octet_length(g.text) <= 64 and length(g.text) <= 32 then
               btrim(translate(g.text, U&'\00A0', ' ')) collate "C"
           end as entry
      from given as g
    offset 0
  ), read as (
    select t.given,
           t.entry,
           case
             when translate(t.entry, '+0123456789 ().-', '') = '' and strpos(substr(t.entry, 2), '+') = 0 then
               translate(t.entry, '+ ().-', '')
           end as digits
      from typed as t
    offset 0
  ), dialled as (
    select r.given,
           r.entry,
           r.digits,
           case
             when starts_with(r.entry, '+') then r.digits
             when length(r.digits) = 11 and left(r.digits, 1) in ('7', '8') then '7' || substr(r.digits, 2)
             when length(r.digits) = 10 and left(r.digits, 1) = '7' then '7' || r.digits
           end as number
      from read as r
    offset 0
  )
  select case when plan.accepted then plan.phone end,
         case
           when plan.accepted then null
           when plan.phone <> '' then 'country_not_accepted'
           when d.entry is null then
             case
               when octet_length(d.given) <= 200 and translate(d.given, E',;/|\n', '') <> d.given then 'two_numbers'
               else 'too_long'
             end
           when d.entry = '' then 'empty'
           when length(regexp_replace(d.entry, '[^0-9]', '', 'g')) >= 20
             or d.entry ~ '([0-9][^0-9]*){5}[,;/|+\n\r]([^0-9]*[0-9]){5}' then 'two_numbers'
           when d.entry ~ '[0-9][ .(]*([,;#xX]|[eE][xX][tT]|доб|Доб|вн|Вн)[^0-9]*[0-9]{1,6}[)]?$' then 'extension'
           when d.digits is null then 'bad_characters'
           when length(d.digits) < 8 then 'too_short'
           when length(d.digits) > 15 then 'too_long'
           when d.number is null then
             case
               when length(d.digits) < 10 or d.digits ~ '^8.{9}$' then 'too_short'
               when d.digits ~ '^[78].{11}' then 'too_long'
               else 'unknown_country'
             end
           when not plan.known then 'unknown_country'
           when d.number ~ '^7.{0,9}$' then 'too_short'
           when d.number ~ '^7.{11}' then 'too_long'
           else 'not_mobile'
         end
    from dialled as d
   cross join lateral (
     -- No calling code is the beginning of another, so at most one of the three is there. The
     -- countries that share it (Russia and Kazakhstan, the US and 24 more) are all asked.
     select count(*) > 0                                        as known,
            max('+' || c.calling_code || c.national)            as phone,
            bool_or(c.accepted) filter (where c.national <> '') as accepted
       from (
         select p.calling_code,
                p.accepted,
                case
                  when rest.digits ~ p.mobile_pattern then rest.digits
                  when p.trunk_prefix <> ''
                   and starts_with(rest.digits, p.trunk_prefix)
                   and substr(rest.digits, length(p.trunk_prefix) + 1) ~ p.mobile_pattern then
                    substr(rest.digits, length(p.trunk_prefix) + 1)
                end as national
           from oncebox.phone_plan as p
          cross join lateral (select substr(d.number, length(p.calling_code) + 1) as digits offset 0) as rest
          where p.calling_code in (left(d.number, 1), left(d.number, 2), left(d.number, 3))
         offset 0
       ) as c
   ) as plan;
$$;
