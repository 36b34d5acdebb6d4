-- oncebox.parse_time(raw) -> the instant as Postgres reads it, or null when it is none
--
-- For text from outside, where one bad record must not fail a whole batch. Null also for infinity
-- and for anything outside the years 2000 to 2099, which is a slip and not a plan.
create or replace function oncebox.parse_time(raw text)
returns timestamptz
language plpgsql
stable
as $$
declare
  v_at timestamptz;
begin
  v_at := raw::timestamptz;
  return case when v_at >= '2000-01-01Z' and v_at < '2100-01-01Z' then v_at end;
exception
  when data_exception then
    return null;
end
$$;
