-- oncebox.trace_of(notification_id) -> the trace in which its lead was registered, or null
--
-- Asked by a worker that records traces itself, so that its span links to the registration's.
create or replace function oncebox.trace_of(notification_id bigint)
returns text
language sql
stable
as $$
  select r.traceparent
    from oncebox.notification as n
    join oncebox.registration as r
      on r.lead_id = n.lead_id
   where n.id = trace_of.notification_id;
$$;
