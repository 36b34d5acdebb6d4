-- oncebox.prunable(older_than) -> how many notifications prune would remove
--
-- Reads only. See prune.
create or replace function oncebox.prunable(older_than interval)
returns bigint
language sql
stable
as $$
  select count(*)
    from oncebox.notification as n
   where n.settled_at < now() - older_than
     and n.state in ('sent', 'failed', 'cancelled')
     and n.erased_at is null
     and n.discard_at is null;
$$;
