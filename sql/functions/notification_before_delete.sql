-- Trigger: nothing that is unsent or in doubt is ever deleted, whoever tries. Final rows go with prune.
create or replace function oncebox.notification_before_delete()
returns trigger
language plpgsql
as $$
begin
  if tg_op = 'TRUNCATE' then
    if exists (select from oncebox.notification as n where n.state not in ('sent', 'failed', 'cancelled')) then
      raise exception using
        errcode = 'OB006',
        message = 'oncebox.notification holds notifications that are not sent yet or in doubt, and cannot be truncated',
        hint    = 'Old final ones are removed by oncebox prune.';
    end if;
    return null;
  end if;
  if old.state not in ('sent', 'failed', 'cancelled') then
    raise exception using
      errcode = 'OB006',
      message = format('notification %s is %s and cannot be deleted', old.id, old.state),
      hint    = 'A pending one can be cancelled, an unknown one resolved; old final ones are removed by oncebox prune.';
  end if;
  return old;
end
$$;

create or replace trigger notification_before_delete
before delete on oncebox.notification
for each row execute function oncebox.notification_before_delete();

create or replace trigger notification_before_truncate
before truncate on oncebox.notification
for each statement execute function oncebox.notification_before_delete();
