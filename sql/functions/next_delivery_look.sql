-- oncebox.next_delivery_look(sent_at) -> when to ask next how far an SMS of that age got; null = no more
--
-- The one schedule: after 30 seconds, then each time it is twice as old, and every three hours in the
-- end: 30 s, 1 min, 2, 4, 8, 16, 32 min, 1 h, 2, 4 h, 7 h, .. After three days no report will come:
-- operators keep trying for a day at most.
create or replace function oncebox.next_delivery_look(sent_at timestamptz)
returns timestamptz
language sql
volatile
as $$
  select case
           when clock_timestamp() - sent_at < interval '3 days'
           then clock_timestamp()
                + greatest(interval '30 seconds', least(interval '3 hours', clock_timestamp() - sent_at))
         end;
$$;
