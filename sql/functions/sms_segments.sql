-- oncebox.sms_segments(body) -> how many SMS the text is sent and paid as; null for null
--
-- In GSM-7, where every character is in its alphabet: 160 in one, 153 each in more; ^ { } \ [ ~ ] | and
-- the euro count twice. In UCS-2 otherwise, as all Cyrillic is: 70 and 67; what lies beyond the
-- basic plane, as emoji do, counts twice. A pair that falls on the end of a part moves to the next
-- whole, so a long text may take one part more.
create or replace function oncebox.sms_segments(body text)
returns integer
language sql
immutable
parallel safe
as $$
  select case
           when translate(body,
                  E'@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&''()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿'
                  'abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€\f', '') = '' then
             (select case when units.gsm7 <= 160 then 1 else ceil(units.gsm7 / 153.0)::integer end
                from (select 2 * length(body) - length(translate(body, E'^{}\\[~]|€\f', ''))) as units (gsm7))
           else
             (select case when units.ucs2 <= 70 then 1 else ceil(units.ucs2 / 67.0)::integer end
                from (select length(body) + length(regexp_replace(body, '[^\U00010000-\U0010FFFF]', '', 'g'))) as units (ucs2))
         end
   where body is not null;
$$;
