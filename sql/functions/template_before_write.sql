-- Trigger: a template knows which variables registration must bring.
create or replace function oncebox.template_before_write()
returns trigger
language plpgsql
as $$
begin
  new.variables := oncebox.template_variables(concat_ws(' ', new.subject, new.body));
  new.updated_at := case tg_op when 'INSERT' then new.created_at else clock_timestamp() end;
  return new;
end
$$;

create or replace trigger template_before_write
  before insert or update on oncebox.template
  for each row
  execute function oncebox.template_before_write();
