-- oncebox.next_due_in(within) -> how long until the next notification is due, or null
--
-- Null when none becomes due within the given time. What is due already has been woken.
create or replace function oncebox.next_due_in(within interval)
returns interval
language sql
stable
as $$
  select min(n.due_at) - clock_timestamp()
    from oncebox.notification as n
   where n.state = 'pending'
     and n.due_at > clock_timestamp()
     and n.due_at <= clock_timestamp() + within;
$$;
