-- oncebox.next_due_in(within) -> how long until the next notification may be sent, or null
--
-- When it is due, or when the moment comes that the send rate kept for it. Null when none does
-- within the given time. What is due already has been woken.
create or replace function oncebox.next_due_in(within interval)
returns interval
language sql
stable
as $$
  select min(next.at) - statement_timestamp()
    from (
      select min(n.due_at) as at
        from oncebox.notification as n
       where n.state = 'pending'
         and n.due_at > statement_timestamp()
         and n.due_at <= statement_timestamp() + within
      union all
      select min(n.slot_at)
        from oncebox.notification as n
       where n.slot_at > statement_timestamp()
         and n.slot_at <= statement_timestamp() + within
    ) as next;
$$;
