-- 0002_input_rules: takes the numbering plan away.
--
-- Locks    ACCESS EXCLUSIVE on the table dropped.
-- Workers  keep sending; no lead can be registered until 0002 is back.
-- Refuses  while the operator refuses a country: that choice would be lost.

do $$
begin
  if exists (select from oncebox.phone_plan where not accepted) then
    raise exception using
      errcode = 'OB006',
      message = 'oncebox.phone_plan holds countries that the operator refused; dropping it would lose the choice',
      hint    = 'Note them (select calling_code, country from oncebox.phone_plan where not accepted) and set accepted to true first, if that is really meant.';
  end if;
end
$$;

drop table oncebox.phone_plan;
