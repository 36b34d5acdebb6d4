-- Trigger: a new notification gets its job, whoever inserted the row and in whatever language. The
-- very first one has the database remember which one it is.
create or replace function oncebox.notification_after_insert()
returns trigger
language plpgsql
as $$
begin
  perform oncebox.remember_epoch();
  perform oncebox.wake(array(select i.id from inserted as i where i.state = 'pending'));
  return null;
end
$$;

create or replace trigger notification_after_insert
  after insert on oncebox.notification
  referencing new table as inserted
  for each statement
  execute function oncebox.notification_after_insert();
