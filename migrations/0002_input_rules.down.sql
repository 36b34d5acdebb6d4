-- 0002_input_rules: takes the numbering plan away.
--
-- Locks    ACCESS EXCLUSIVE on the table dropped.
-- Workers  keep sending; no lead can be registered until 0002 is back.
-- Refuses  while the operator refuses a country: that choice would be lost.

do $$
declare
  v_refused bigint;
begin
  select count(*) into v_refused from oncebox.phone_plan where not accepted;
  if v_refused > 0 then
    raise exception using
      errcode = 'OB006',
      message = format('oncebox.phone_plan holds %s countries that the operator refused; dropping it would lose the choice', v_refused),
      hint    = 'Note them (select calling_code, country from oncebox.phone_plan where not accepted) and set accepted to true first, if that is really meant.';
  end if;
end
$$;

drop table oncebox.phone_plan;
