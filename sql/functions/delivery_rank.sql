-- oncebox.delivery_rank(delivery) -> how far on its way an SMS is; null for a word that is not known
--
-- A delivery moves to a higher rank only: what the provider tells out of order changes nothing. 5 is
-- a last word.
create or replace function oncebox.delivery_rank(delivery text)
returns integer
language sql
immutable
parallel safe
as $$
  select case delivery
           when 'moderation' then 0
           when 'NEW' then 1
           when 'ENQUEUD' then 2
           when 'ACCEPTD' then 3
           when 'PDLIVRD' then 4
           when 'DECLINED' then 5
           when 'DELIVRD' then 5
           when 'UNDELIV' then 5
           when 'REJECTD' then 5
           when 'EXPIRED' then 5
           when 'DELETED' then 5
         end;
$$;
